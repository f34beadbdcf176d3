"""What a job's code is given: clients, a folder, a way to report, to keep trials and to use all cores."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from millrace_contracts.bodies import Document
from millrace_contracts.jobs import JobProgress
from millrace_training.runtime.assignment import JobIdentity
from millrace_training.runtime.errors import Cancelled
from millrace_training.runtime.events import Note
from millrace_training.runtime.folder import OPTIONS
from millrace_training.runtime.trials import TrialStore

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_training.runtime.executors import Executor

REPORT_SECONDS = 0.2
LONGEST = 2000
"""Signs of a message that are kept."""


@dataclass
class Context:
    """Handed to `run(spec, context)` of every job kind.

    Attributes:
        client: the platform's services, with this service's token and the job's project.
        scratch: a folder of the job's own; it outlives an attempt, so what is written there under a
            trial's key is found again after a crash. It is emptied when the job ends.
        trials: the study; a finished trial is saved once and found again by the next attempt.
        threads: CPUs granted to the job. OMP_NUM_THREADS has this value.
        job: which job this is.
        pages: whether anybody reads the pages that a job draws for people.
    """

    client: "Millrace"
    scratch: Path
    trials: TrialStore
    threads: int
    job: JobIdentity
    emit: Callable[[JobProgress | Note], None]
    is_cancelled: Callable[[], bool]
    make_executor: "Callable[[str], Executor]"
    pages: bool = True
    _executors: "dict[str, Executor]" = field(default_factory=dict)
    _last: tuple[str, float] = ("", 0.0)

    def report(
        self, step: str, done: int | None = None, total: int | None = None, message: str = "", **numbers: Any
    ) -> None:
        """Say how far the job is; *numbers* (losses, counts) go with it. Cheap: repeats are thinned out.

        Raises: Cancelled when the job was cancelled, so a job that reports stops by itself.
        """
        self.stop_if_cancelled()
        final = done is not None and done == total
        name, told = self._last
        now = time.monotonic()
        if step == name and not final and now - told < REPORT_SECONDS:
            return
        self._last = (step, now)
        self.emit(
            JobProgress(step=step, done=done, total=total, message=message[:LONGEST], numbers=_plain(numbers))
        )

    def log(self, message: str, **facts: Any) -> None:
        """Add one line to the job's event stream."""
        self.emit(Note(message=message, facts=_plain(facts)))

    def cancelled(self) -> bool:
        """Whether someone asked the job to stop; it is killed a few seconds later in any case."""
        return self.is_cancelled()

    def stop_if_cancelled(self) -> None:
        """Raises: Cancelled when the job was cancelled."""
        if self.is_cancelled():
            raise Cancelled

    def map(
        self,
        function: str,
        payloads: Iterable[Any],
        executor: str = "pool",
        keep_going: bool = False,
    ) -> Iterator[Any]:
        """Call *function* once for each payload, on all granted CPUs; results come in submission order.

        Each call has one thread (OMP_NUM_THREADS=1), whatever the executor, so that all give the same
        result. Payloads and results must be picklable; pass large arrays as files under `scratch`.
        A worker that dies is replaced and its payload tried again, twice.

        Args:
            function: "package.module:name", taking one payload.
            executor: "inline", "pool" or "ray".
            keep_going: give a failed payload's TaskFailed in its place instead of raising it.
        Raises: TaskFailed; Cancelled; JobError for an executor that cannot run here.
        """
        if executor not in self._executors:
            self._executors[executor] = self.make_executor(executor)
        for result in self._executors[executor].map(function, payloads, self.is_cancelled):
            if isinstance(result, Exception) and not keep_going:
                raise result
            yield result

    def close(self) -> None:
        """Stop the executors; the runner calls this when the job ends."""
        for executor in self._executors.values():
            executor.close()
        self._executors.clear()


def _plain(values: Document) -> Document:
    """As JSON has it: numbers of numpy are numbers, and what is not finite is null."""
    shown: Document = orjson.loads(orjson.dumps(values, option=OPTIONS))
    return shown
