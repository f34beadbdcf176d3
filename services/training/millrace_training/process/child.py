"""The process of one job: `python -m millrace_training.process.child <folder>`.

It holds the folder's lock as long as it lives, leaves exactly one of result.json, error.json (final) or
setback.json (worth another attempt), and imports nothing heavy before the job's own code does.
"""

import fcntl
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

    from millrace_training.runtime.assignment import Assignment
    from millrace_training.runtime.context import Context
    from millrace_training.runtime.folder import JobFolder

LOCK_SECONDS = 10.0
ALARM_SECONDS = 30
"""How long after its time a job ends itself, should there be no service to stop it."""
NICE = 5
HELD, SETBACK, FAILED = 75, 76, 1


def main(path: str) -> int:
    """Run the job in the folder *path*; returns the exit status."""
    from millrace.lean import JOBS, leave_out
    from millrace_training.runtime.assignment import Assignment, Beginning
    from millrace_training.runtime.folder import JobFolder

    leave_out(JOBS)
    folder = JobFolder(Path(path))
    if not _hold(folder.lock):
        return HELD
    assignment = folder.read("assignment", Assignment)
    if assignment is None or any(folder.document(name) for name in ("result", "error")):
        return 0
    folder.write("process", Beginning(pid=os.getpid(), attempt=assignment.job.attempt))
    os.nice(NICE)
    _warm_up(assignment)
    signal.alarm(int(assignment.wall_seconds) + ALARM_SECONDS)
    return work(folder, assignment)


def _warm_up(assignment: "Assignment") -> None:
    """Let the pool's libraries load while this process loads its own."""
    if assignment.job.kind == "train" and assignment.spec.get("executor", "pool") == "pool":
        from millrace_training.runtime.executors.pool import warm_up

        warm_up()


def _hold(lock: Path) -> bool:
    """Take the lock; the descriptor stays open until the process ends, and children do not inherit it."""
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def work(folder: "JobFolder", assignment: "Assignment", replayed: bool = False) -> int:
    """Do the job and leave what comes of it in its folder; returns the exit status.

    Args:
        replayed: it is a replay's: nobody reads its pages, so none are drawn, and its folder waits for no disk.
    """
    from millrace_training.runtime.assignment import Usage
    from millrace_training.runtime.errors import Cancelled, JobError, TaskFailed

    context = _context(folder, assignment, pages=not replayed)
    try:
        try:
            result = _result(assignment, context)
        finally:
            context.close()
            folder.write("usage", Usage(peak_rss_bytes=_peak()), lasting=False)
        folder.write("result", result, lasting=not replayed)
    except Cancelled:
        return 0
    except JobError as error:
        folder.write("error", error.problem())
        return FAILED
    except TaskFailed as error:
        print(error.trace, file=sys.stderr)
        folder.write("error", JobError("A trial failed", str(error)).problem())
        return FAILED
    except Exception as error:
        return _unexpected(folder, error)
    return 0


def _result(assignment: "Assignment", context: "Context") -> "BaseModel":
    from millrace_training.kinds import Kind
    from millrace_training.runtime.executors.tasks import resolve

    kind = Kind(resolve(assignment.run))  # type: ignore[arg-type]  # found by its name
    return kind.run(kind.spec.model_validate(assignment.spec), context)


def _unexpected(folder: "JobFolder", error: Exception) -> int:
    """A service that does not answer is worth another attempt; a bug or a refusal is not."""
    import httpx

    from millrace.transport.errors import ApiError
    from millrace_contracts.jobs import Problem

    traceback.print_exc()
    unreachable = isinstance(error, httpx.TransportError)
    if unreachable or (isinstance(error, ApiError) and error.status >= 500):
        folder.write("setback", Problem(title="A service did not answer", status=503, detail=_text(error)))
        return SETBACK
    folder.write("error", Problem(title="The job failed", status=500, detail=_text(error)))
    return FAILED


def _peak() -> int:
    """Most bytes this process had in memory, with its largest child's."""
    own, child = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return int(own + child) * 1024


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def _context(folder: "JobFolder", assignment: "Assignment", pages: bool) -> "Context":
    from millrace.client import SERVICES, Millrace, shown_token
    from millrace_contracts.jobs import JobProgress, TrialRead
    from millrace_training.runtime import executors
    from millrace_training.runtime.context import Context
    from millrace_training.runtime.events import EventWriter, Note
    from millrace_training.runtime.trials import Trial, TrialStore

    events = EventWriter(folder.events)
    urls = {name: os.environ.get(f"MILLRACE_{name.upper()}_URL", "") for name in SERVICES}
    memory, threads = assignment.memory_bytes, assignment.threads

    def emit(news: JobProgress | Note) -> None:
        if isinstance(news, JobProgress):
            folder.write("progress", news, lasting=False)
        events.write("progress" if isinstance(news, JobProgress) else "log", news)

    def saved(trial: Trial) -> None:
        events.write("trial", TrialRead.model_construct(**vars(trial)))

    return Context(
        client=Millrace(urls, shown_token(), assignment.project),
        scratch=folder.scratch,
        trials=TrialStore(folder.trials, saved),
        threads=threads,
        job=assignment.job,
        emit=emit,
        is_cancelled=folder.cancel.exists,
        make_executor=lambda name: executors.make(name, threads, memory, folder.scratch),
        pages=pages,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
