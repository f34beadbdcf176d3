"""One service process: its environment, its start, whether it is ready, and its end."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from millrace.laptop import leftovers, tokens

ROTATE_BYTES = 20 * 2**20
BACKOFF_MAX = 10.0
STABLE_SECONDS = 20.0
HUNG_SECONDS = 90.0
"""A process that has not answered for so long is ended and started again; busy machines need patience."""


@dataclass
class Service:
    """A process that the supervisor keeps running.

    `restarts` counts how often it was started again after it had ended by itself.
    """

    name: str
    home: Path
    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = 0.0
    answered_at: float = 0.0
    delay: float = 0.25
    next_start: float = 0.0
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=5))

    @property
    def record(self) -> Path:
        return self.home / "run" / f"service-{self.name}.json"

    @property
    def log(self) -> Path:
        return self.home / "logs" / f"{self.name}.log"

    def start(self) -> None:
        """Start the process in its own group, with its log appended to home/logs."""
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.rotate()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "millrace_core.serve", f"millrace_{self.name}.main"],
                env=os.environ | self.environment | {leftovers.PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        started = psutil.Process(self.process.pid).create_time()
        tokens.write(self.record, {"pid": self.process.pid, "started": started})

    def rotate(self) -> None:
        """Move a long log aside and begin a new one; the process goes on writing to it (it appends)."""
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > ROTATE_BYTES:
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)

    def waits_for(self) -> str | None:
        """None when it is ready, else what it waits for."""
        try:
            answer = self._client.get(f"{self.url}/readyz")
        except httpx.TransportError:
            return "the process does not answer yet"
        if answer.status_code == 200:
            return None
        return "; ".join(f"{name}: {reason}" for name, reason in answer.json().get("waits_for", {}).items())

    def tend(self) -> bool:
        """Start it again, with back-off, if it has ended; True if it was started."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            if now - self.started_at > STABLE_SECONDS:
                self.delay = 0.25
            return False
        if self.next_start == 0.0:
            self.next_start = now + self.delay
            self.delay = min(self.delay * 2, BACKOFF_MAX)
        if now < self.next_start:
            return False
        self.next_start = 0.0
        self.restarts += 1
        self.start()
        return True

    def check(self) -> bool:
        """End a process that is there but has not answered /healthz for a long time; True if it did."""
        if self.process is None or self.process.poll() is not None:
            return False
        try:
            answered = self._client.get(f"{self.url}/healthz").status_code < 500
        except httpx.TransportError:
            answered = False
        now = time.monotonic()
        self.answered_at = now if answered else max(self.answered_at, self.started_at)
        if now - self.answered_at < HUNG_SECONDS:
            return False
        leftovers.end_group(psutil.Process(self.process.pid))
        return True

    def stop(self) -> None:
        """End the process and its group."""
        if self.process is not None:
            if self.process.poll() is None:
                leftovers.end_group(psutil.Process(self.process.pid))
            self.process.wait()
        self.record.unlink(missing_ok=True)
        self._client.close()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, and where the rest is."""
        try:
            end = self.log.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            end = []
        return "\n".join([*end, f"({self.log} has all of it)"])
