"""Find a process again after our own restart: its pid and start time on disk, its marker on the command line."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """What is kept about a running process; *started* is its start in clock ticks since boot."""

    pid: int
    started: int
    digest: str
    """Digest of its command line and configuration: another one means it must be replaced."""


def started(pid: int) -> int | None:
    """Start time of a living process in clock ticks since boot; None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(record: Record) -> bool:
    """Whether the very process of *record* still runs; a reused pid does not count."""
    return started(record.pid) == record.started


def age(record: Record) -> float:
    """Seconds since the process was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - record.started / os.sysconf("SC_CLK_TCK")


def read(path: Path) -> Record | None:
    """The record in *path*, or None when there is none or it cannot be read."""
    try:
        found = json.loads(path.read_text())
        return Record(int(found["pid"]), int(found["started"]), str(found.get("digest", "")))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, record: Record) -> None:
    """Keep *record* in *path*, whole or not at all, for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = path.with_suffix(".new")
    staged.touch(mode=0o600)
    staged.write_text(json.dumps(asdict(record)))
    staged.replace(path)


def marked(marker: str) -> Iterator[int]:
    """Pids of this user's processes that lead their group and carry *marker* in their command line."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            mine = folder.stat().st_uid == os.getuid() and os.getpgid(int(folder.name)) == int(folder.name)
            if mine and marker.encode() in (folder / "cmdline").read_bytes():
                yield int(folder.name)


def end_group(pid: int, patience: float) -> None:
    """SIGTERM to *pid*, and SIGKILL to its whole group when it is gone or after *patience* seconds (blocking).

    Triton's stubs must not get the SIGTERM: Triton would wait for answers that they no longer give.
    """
    deadline = time.monotonic() + patience
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)
    while started(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
