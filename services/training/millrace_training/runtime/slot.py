"""One measurement at a time on a machine: whoever measures holds a lock that all its jobs share."""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from millrace_contracts.variants import MEASURING

WAIT = 0.5
"""Seconds between two looks."""


def place() -> Path:
    """The file that all jobs of this user on this machine lock."""
    return Path(tempfile.gettempdir(), MEASURING.format(user=os.getuid()))


def alone() -> bool:
    """Whether the lock says anything of the whole machine; in a pod it speaks of the pod alone."""
    return "KUBERNETES_SERVICE_HOST" not in os.environ


@contextmanager
def held(
    path: Path, waiting: Callable[[], None] = lambda: None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the slot; it is free again when the process ends, however it ends.

    Args:
        waiting: called before each look while another holds it; it may raise to give up.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(file):
            waiting()
            sleep(WAIT)
        yield
    finally:
        os.close(file)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
