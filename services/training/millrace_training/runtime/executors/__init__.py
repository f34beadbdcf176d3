"""Executors: one interface over this process, a pool of processes, and Ray."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from millrace_training.runtime.errors import JobError

NAMES = ("inline", "pool", "ray")


class Executor(Protocol):
    """Calls a function once per payload; gives results, or TaskFailed, in submission order."""

    def map(
        self, function: str, payloads: Iterable[Any], is_cancelled: Callable[[], bool]
    ) -> Iterator[Any]: ...

    def close(self) -> None: ...


RAY_ADDRESS = "MILLRACE_RAY_ADDRESS"
"""Environment variable of a job that runs in a Ray cluster made for it; there is none to start then."""


def make(name: str, workers: int, memory_bytes: int, scratch: Path | None = None) -> Executor:
    """The executor called *name*, with *workers* CPUs and *memory_bytes* for the whole job.

    *scratch*: the folder whose files mapped functions name; needed where they run on other machines.
    Raises: JobError if there is none of that name, or if it cannot run here.
    """
    if name == "inline":
        from millrace_training.runtime.executors.inline import Inline

        return Inline()
    if name == "pool":
        from millrace_training.runtime.executors.pool import Pool

        return Pool(workers, memory_bytes)
    if name == "ray":
        from millrace_training.runtime.executors.ray import JoinedRay, LocalRay

        address = os.environ.get(RAY_ADDRESS)
        return LocalRay(workers) if not address or scratch is None else JoinedRay(address, scratch)
    raise JobError("Unknown executor", f"There is no executor '{name}'.", f"Use one of {', '.join(NAMES)}.")
