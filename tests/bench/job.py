"""What a job of training has at hand, without a platform: its own code runs in the benchmark's process."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

GRANTED = 2 << 30
"""Bytes of memory."""


def context(registry: Any, kind: str, scratch: Path) -> Any:
    """A job's context with one thread; *registry* stands in for the client's."""
    from millrace_training.runtime import executors
    from millrace_training.runtime.assignment import JobIdentity
    from millrace_training.runtime.context import Context
    from millrace_training.runtime.trials import TrialStore

    scratch.mkdir()
    return Context(
        client=SimpleNamespace(registry=registry),  # type: ignore[arg-type]
        scratch=scratch,
        trials=TrialStore(scratch.with_name("trials.db")),
        threads=1,
        job=JobIdentity("1", "k", kind, None, None, 1),
        emit=lambda news: None,
        is_cancelled=lambda: False,
        make_executor=lambda name: executors.make(name, 1, GRANTED),
    )
