"""What may pass by itself is tried again for a while, before the job says that it failed."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import stamina

from millrace_training.runtime.errors import JobError

Answer = TypeVar("Answer")
Given = ParamSpec("Given")
ATTEMPTS, FIRST, LONGEST = 4, 0.5, 10.0
"""Tries of one reading, and seconds between the first two and between the last two at most."""


class Passing(Exception):
    """Something that another try may find mended; *error* is what is said when none does."""

    def __init__(self, error: JobError) -> None:
        super().__init__(str(error))
        self.error = error


def patiently(read: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """Call *read* until it answers. Raises: JobError, at once or after the last try."""
    try:
        for attempt in stamina.retry_context(
            on=Passing, attempts=ATTEMPTS, timeout=None, wait_initial=FIRST, wait_max=LONGEST
        ):
            with attempt:
                return read(*given, **named)
    except Passing as passing:
        raise passing.error from None
    raise AssertionError("the last attempt returns or raises")
