"""Stops a platform from another process, and clears away what a killed one left."""

import contextlib
import fcntl
import json
import os
import signal
import time
from pathlib import Path

import psutil

from millrace.laptop import leftovers

PATIENCE = 60.0


def stop(home: Path) -> str:
    """Stop the platform in *home*; says what was done.

    Raises: TimeoutError if it does not end.
    """
    run = home / "run"
    supervisor = running(home)
    if supervisor is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor.send_signal(signal.SIGTERM)
        if not _await_lock(run, PATIENCE):
            raise TimeoutError(
                f"the platform (process {supervisor.pid}) has not ended after {PATIENCE:.0f} s"
            )
        return f"Stopped the platform in {home}."
    if not run.is_dir() or not _await_lock(run, 0.0):
        return f"No platform is running in {home}."
    ended = leftovers.end_recorded(run)
    others = leftovers.end_marked(home)
    if ended or others:
        what = ", ".join([*ended, *([f"{others} more"] if others else [])])
        return f"No platform was running in {home}; ended what was left of one: {what}."
    return f"No platform is running in {home}."


def running(home: Path) -> psutil.Process | None:
    """The supervisor of *home*, if it is alive."""
    try:
        record = json.loads((home / "run" / "platform.json").read_text())
        process = psutil.Process(int(record["pid"]))
        return process if abs(process.create_time() - float(record["started"])) < leftovers.SAME else None
    except (FileNotFoundError, ValueError, KeyError, psutil.Error):
        return None


def _await_lock(run: Path, patience: float) -> bool:
    """Whether nobody holds the home's lock, at once or within *patience* seconds."""
    deadline = time.monotonic() + patience
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
    finally:
        os.close(descriptor)
