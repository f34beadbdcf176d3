"""What a job may say when it cannot go on; a reader of the job sees these texts."""

from typing import Any

from millrace_contracts.jobs import Problem

LONGEST = 10_000
"""Signs of an error's text that are kept."""


class JobError(Exception):
    """A failure that trying again would not mend; *mend* says what would."""

    def __init__(self, title: str, detail: str, mend: str = "", **extra: Any) -> None:
        super().__init__(f"{title}: {detail}")
        self.title = title
        self.detail = detail
        self.mend = mend
        self.extra = extra

    def problem(self, status: int = 422) -> Problem:
        """The error as problem+json, as GET /jobs/{id} shows it."""
        text = f"{self.detail} {self.mend}".strip()
        return Problem(title=self.title, status=status, detail=text[:LONGEST], **self.extra)


class Cancelled(Exception):
    """Someone cancelled the job; raised by whoever sees it first."""


class TaskFailed(Exception):
    """A mapped function raised, or its worker died more often than is tried again.

    Args:
        error: name of the exception's class, or `WorkerDied`.
        detail: its text.
        trace: the worker's traceback, for the log only.
    """

    def __init__(self, error: str, detail: str, trace: str = "") -> None:
        super().__init__(f"{error}: {detail}")
        self.error = error
        self.detail = detail
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskFailed, (self.error, self.detail, self.trace)
