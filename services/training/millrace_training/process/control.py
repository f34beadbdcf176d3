"""Processes of jobs as seen by the service: start, look, stop. Blocking; call in a thread."""

import os
import signal
import subprocess
import sys
import time

import psutil

from millrace_training.process.sight import Sight, outcome
from millrace_training.runtime import memory
from millrace_training.runtime.assignment import Assignment, Beginning
from millrace_training.runtime.folder import JobFolder

MARK = "MILLRACE_JOB_ID"
"""Environment variable by which every process of a job, also Ray's, is recognised."""
STOP_SECONDS = 5.0


def start(folder: JobFolder, assignment: Assignment, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the job's process in a session, and so a process group, of its own."""
    folder.make()
    folder.write("assignment", assignment)
    threads = str(assignment.threads)
    own = {
        MARK: assignment.job.id,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    with folder.log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "millrace_training.process.child", str(folder.path)],
            env=os.environ | environment | own,
            cwd=folder.scratch,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def look(folder: JobFolder, child: subprocess.Popen[bytes] | None) -> tuple[Sight, int | None]:
    """What became of the job, and the pid of its living process.

    Aliveness is read before the results, so a last result is never missed.
    """
    running = child is not None and child.poll() is None
    held = folder.is_held()
    begun = folder.read("process", Beginning)
    pid = child.pid if running and child else None
    if held:
        pid = begun.pid if begun else None
    sight = Sight(outcome(folder), alive=held or running, rss=_rss(folder, pid) if pid else 0)
    return sight, pid if sight.alive else None


def stop(id: str) -> None:
    """Kill every process of the job and wait until they are gone."""
    deadline = time.monotonic() + STOP_SECONDS
    while (left := members(id)) and time.monotonic() < deadline:
        for pid in left:
            _kill(pid)
        time.sleep(0.02)


def members(id: str) -> list[int]:
    """Processes that carry the job's mark, whoever their parent is now."""
    mark = f"{MARK}={id}".encode()
    return [pid for pid in psutil.pids() if mark in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _rss(folder: JobFolder, pid: int) -> int:
    assignment = folder.read("assignment", Assignment)
    return 0 if assignment is None else rss(pid, assignment.memory_bytes)


def rss(pid: int, limit: int) -> int:
    """Bytes in memory of the process and all below it; more than *limit* only if they take so much together."""
    return memory.used(memory.below(pid), limit)
