"""Ends what an earlier supervisor left behind, and nothing else: by process id and start time."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil

PARENT = "MILLRACE_PARENT"
"""Environment variable with the supervisor's process id: a service ends when that one is gone."""
PATIENCE = 8.0
SAME = 2.0
"""Seconds by which two readings of a start time may differ."""


def end_recorded(run: Path) -> list[str]:
    """End every process that a record in *run* names (services, Triton, Envoy); returns the names of those ended.

    A record is `<name>.json` with `pid` and `started` (clock ticks since boot, or seconds since 1970).
    """
    ended = []
    for name in (
        "service-console",
        "service-controller",
        "service-training",
        "service-serving",
        "service-monitoring",
        "service-registry",
    ):
        ended += _end(run / f"{name}.json")
    for name in ("envoy", "triton"):
        ended += _end(run / f"{name}.json")
    return ended


def end_marked(home: Path) -> int:
    """Kill every process that services of *home* started and left running, at any depth; returns how many.

    They are known by the environment that only a supervisor gives to its services, and that children inherit.
    """
    marks = {"MILLRACE_HOME": str(home), PARENT: None}
    ended = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found = process.environ()
            if all(name in found and value in (None, found[name]) for name, value in marks.items()):
                process.kill()
                ended += 1
    return ended


def _end(path: Path) -> list[str]:
    try:
        record = json.loads(path.read_text())
        process = psutil.Process(int(record["pid"]))
        if not _same(process, float(record["started"])):
            return []
        end_group(process)
    except (FileNotFoundError, ValueError, KeyError, psutil.Error):
        return []
    finally:
        path.unlink(missing_ok=True)
    return [path.stem]


def _same(process: psutil.Process, started: float) -> bool:
    if started > 1e9 and abs(process.create_time() - started) < SAME:
        return True
    ticks = (process.create_time() - psutil.boot_time()) * os.sysconf("SC_CLK_TCK")
    return bool(abs(ticks - started) < SAME * os.sysconf("SC_CLK_TCK"))


def end_group(process: psutil.Process, patience: float = PATIENCE) -> None:
    """SIGTERM to the process; SIGKILL to its whole group when it is gone or patience is over."""
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and _alive(process):
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
