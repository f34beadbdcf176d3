"""The process of one job: `python -m millrace_training.process.child <folder>`.

It holds the folder's lock as long as it lives, leaves exactly one of result.json, error.json (final) or
setback.json (worth another attempt), and imports nothing heavy before the job's own code does.
"""

import fcntl
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

LOCK_SECONDS = 10.0
ALARM_SECONDS = 30
"""How long after its time a job ends itself, should there be no service to stop it."""
NICE = 5
HELD, SETBACK, FAILED = 75, 76, 1


def main(path: str) -> int:
    """Run the job in the folder *path*; returns the exit status."""
    from millrace_training.runtime.folder import JobFolder
    from millrace_training.runtime.lean import without_pandas

    without_pandas()
    folder = JobFolder(Path(path))
    if not _hold(folder.lock):
        return HELD
    spec = folder.read("spec")
    if spec is None or any(folder.read(name) for name in ("result", "error")):
        return 0
    folder.write("process", {"pid": os.getpid(), "attempt": spec["job"]["attempt"]})
    os.nice(NICE)
    _warm_up(spec)
    signal.alarm(int(spec["wall_seconds"]) + ALARM_SECONDS)
    return _run(folder, spec)


def _warm_up(spec: dict[str, Any]) -> None:
    """Let the pool's libraries load while this process loads its own."""
    if spec["job"]["kind"] == "train" and spec["spec"].get("executor", "pool") == "pool":
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


def _run(folder: Any, spec: dict[str, Any]) -> int:
    from millrace_training.runtime.errors import Cancelled, JobError, TaskFailed

    context = _context(folder, spec)
    try:
        try:
            module, _, name = spec["run"].partition(":")
            result = getattr(importlib.import_module(module), name)(spec["spec"], context)
        finally:
            context.close()
            folder.write("usage", {"peak_rss_bytes": _peak()}, lasting=False)
        folder.write("result", result)
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


def _unexpected(folder: Any, error: Exception) -> int:
    """A service that does not answer is worth another attempt; a bug or a refusal is not."""
    import httpx

    from millrace.client.transport import ApiError

    traceback.print_exc()
    problem = {"type": "about:blank", "title": "The job failed", "status": 500, "detail": _text(error)}
    unreachable = isinstance(error, httpx.TransportError)
    if unreachable or (isinstance(error, ApiError) and error.status >= 500):
        folder.write("setback", problem | {"title": "A service did not answer", "status": 503})
        return SETBACK
    folder.write("error", problem)
    return FAILED


def _peak() -> int:
    """Most bytes this process had in memory, with its largest child's."""
    own, child = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return int(own + child) * 1024


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def _context(folder: Any, spec: dict[str, Any]) -> Any:
    from millrace.client import SERVICES, Millrace, shown_token
    from millrace_training.runtime import executors
    from millrace_training.runtime.context import Context, JobIdentity
    from millrace_training.runtime.events import EventWriter
    from millrace_training.runtime.trials import TrialStore

    events = EventWriter(folder.events)
    urls = {name: os.environ.get(f"MILLRACE_{name.upper()}_URL", "") for name in SERVICES}
    memory, threads = spec["memory_bytes"], spec["threads"]
    return Context(
        client=Millrace(urls, shown_token(), spec["project"]),
        scratch=folder.scratch,
        trials=TrialStore(folder.trials, lambda trial: events.write("trial", asdict(trial))),
        threads=threads,
        job=JobIdentity(**spec["job"]),
        emit=_emitter(folder, events.write),
        is_cancelled=folder.cancel.exists,
        make_executor=lambda name: executors.make(name, threads, memory, folder.scratch),
    )


def _emitter(
    folder: Any, write: Callable[[str, dict[str, Any]], None]
) -> Callable[[str, dict[str, Any]], None]:
    def emit(event: str, data: dict[str, Any]) -> None:
        if event == "progress":
            folder.write("progress", data, lasting=False)
        write(event, data)

    return emit


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
