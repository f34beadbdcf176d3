"""One process of the data plane: adopted when it outlived us, restarted with back-off when it dies."""

import asyncio
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from millrace_core.log import log
from millrace_serving.processes import recorded
from millrace_serving.processes.ended import Ear
from millrace_serving.processes.recorded import Record

BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before the n-th restart in a row; a minute of life forgets the row."""
STEADY = 60.0
LOG_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Launch:
    """How a process is started; *content* is its configuration, so that a change of it is noticed."""

    argv: list[str]
    environment: dict[str, str]
    marker: str
    """Part of the command line that no other process has."""
    content: str = ""
    first: Callable[[], Sequence[str]] = tuple
    """More arguments, found at a start only: of no weight for adoption, and left out after a death before it worked."""

    @property
    def digest(self) -> str:
        text = "\0".join([*self.argv, *sorted(f"{k}={v}" for k, v in self.environment.items()), self.content])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Supervised:
    """Keeps one process running. Its own group; it survives our crash and is adopted afterwards."""

    name: str
    record_path: Path
    log_path: Path
    launch: Callable[[], Launch]
    """Writes what the process needs on disk and says how to start it."""
    patience: float = 5.0
    """Seconds between SIGTERM and SIGKILL."""
    after_death: Callable[[], None] = lambda: None
    """Sweeps what a dead process left behind."""
    due: Callable[[], None] = lambda: None
    """Told when the process has ended, and when its time to be started again has come."""
    record: Record | None = None
    restarts: int = 0
    _born: float = 0.0
    _row: int = 0
    _proved: bool = True
    _not_before: float = 0.0
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._ear = Ear(self.due)

    @property
    def running(self) -> bool:
        return self.record is not None and recorded.alive(self.record)

    def works(self) -> None:
        """Its owner has seen it work: how it was started is not what it will die of."""
        self._proved = True

    async def adopt(self) -> bool:
        """Take over the process of the last run if it fits; end every other leftover. True if adopted."""
        wanted = await asyncio.to_thread(self.launch)
        found = recorded.read(self.record_path)
        if found is not None and recorded.alive(found) and found.digest == wanted.digest:
            self.record, self._born = found, time.monotonic() - recorded.age(found)
            self._ear.listen(found.pid)
            log.info("adopted", process=self.name, pid=found.pid)
        await asyncio.to_thread(self._end_strangers, wanted.marker)
        return self.record is not None

    def _end_strangers(self, marker: str) -> None:
        for pid in list(recorded.marked(marker)):
            if self.record is None or pid != self.record.pid:
                log.warning("ending a leftover", process=self.name, pid=pid)
                recorded.end_group(pid, self.patience)
        if self.record is None:
            self.after_death()

    async def ensure(self) -> bool:
        """One pass: True if the process was (re)started now."""
        if self._child is not None:
            self._child.poll()
        if self.running:
            return False
        if self.record is not None:
            self._note_death()
        if time.monotonic() < self._not_before:
            return False
        await self._start()
        return True

    def _note_death(self) -> None:
        assert self.record is not None
        lived = time.monotonic() - self._born
        self._row = 0 if lived > STEADY else min(self._row + 1, len(BACKOFF) - 1)
        pause = BACKOFF[self._row - 1 if self._row else 0]
        self._not_before = time.monotonic() + pause
        asyncio.get_running_loop().call_later(pause, self.due)
        log.error("process died", process=self.name, pid=self.record.pid, lived_seconds=round(lived, 1))
        recorded.end_group(self.record.pid, 0.0)
        self.after_death()
        self.record, self._child = None, None
        self.restarts += 1

    async def _start(self) -> None:
        launch = await asyncio.to_thread(self.launch)
        first = await asyncio.to_thread(launch.first) if self._proved else ()
        self._proved = False
        self.log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES
        with self.log_path.open("wb" if fresh else "ab") as output:
            child = subprocess.Popen(  # noqa: ASYNC220 - a fork takes a millisecond, and we want its pid at once
                [*launch.argv, *first],
                env=launch.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.log_path.parent,
            )
        self._child, self._born = child, time.monotonic()
        self.record = Record(child.pid, recorded.started(child.pid) or 0, launch.digest)
        recorded.write(self.record_path, self.record)
        self._ear.listen(child.pid)
        log.info("started", process=self.name, pid=child.pid)

    async def stop(self) -> None:
        """End the process and its group, in good order first."""
        self._ear.close()
        if self.record is not None and recorded.alive(self.record):
            await asyncio.to_thread(recorded.end_group, self.record.pid, self.patience)
        self.record_path.unlink(missing_ok=True)
        self.record, self._child = None, None
        self.after_death()


def inherited(**more: str) -> dict[str, str]:
    """A small environment for a child: what it needs to find its libraries, and *more*; no secrets."""
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | more
