"""The supervisor: starts all services, checks them, starts them again when they end, and stops them in order."""

import contextlib
import fcntl
import json
import os
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil

from millrace.accounts import Accounts
from millrace.client import Millrace
from millrace.laptop import leftovers, ports, tokens
from millrace.laptop.service import Service

ORDER = ("registry", "monitoring", "serving", "training", "controller", "console")
"""The order of starting; stopping is the other way round."""
READY_SECONDS = 90.0
LOOK_SECONDS = 0.2
CHECK_EVERY = 50
"""Looks between two questions to one service whether it still answers; each service has its own look."""


class AlreadyRunning(Exception):
    """Another supervisor holds this home."""


class StartFailed(Exception):
    """A service did not become ready; the text has the end of its log."""


def default_home() -> Path:
    """MILLRACE_HOME, or ~/.millrace."""
    return Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace")


class Platform:
    """All services of one home folder: `with Platform(home) as platform: platform.client()`.

    Args:
        protect: whether inference asks for a key or a token, as in a cluster; else it is open on loopback.
        openlineage: URL of a receiver of OpenLineage events; empty: as the environment says, else none.
    Raises (on start): AlreadyRunning, StartFailed.
    """

    def __init__(self, home: Path | None = None, protect: bool = False, openlineage: str = "") -> None:
        self.protect, self.openlineage = protect, openlineage
        self.home = (home or default_home()).absolute()
        self.run = self.home / "run"
        self.services: dict[str, Service] = {}
        self.secrets: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        self.ready_seconds = 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock: int | None = None

    def __enter__(self) -> "Platform":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{self.ports[name]}" for name in ORDER}

    @property
    def gateway(self) -> str:
        """Base URL of the inference gateway."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def client(self, project: str = "default") -> Millrace:
        """A client with the user's token."""
        return Millrace(self.urls, self.secrets["user"], project)

    def start(self) -> None:
        """Start everything and wait until all services are ready."""
        began = time.monotonic()
        self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        try:
            leftovers.end_recorded(self.run)
            Accounts(self.run).take_over(tokens.people(self.run))
            self.secrets = tokens.ensure(self.run)
            self.ports = ports.choose(self._remembered())
            self.services = {name: self._service(name) for name in ORDER}
            for service in self.services.values():
                service.start()
            self._write_record()
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        self.ready_seconds = time.monotonic() - began
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop all services in reverse order, then what they had started; nothing is left running.

        A platform that never started (its home is another one's) has nothing to stop.
        """
        if self._lock is None:
            return
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for service in reversed(self.services.values()):
            service.stop()
        leftovers.end_recorded(self.run)
        while leftovers.end_marked(self.home):
            time.sleep(0.05)
        self._forget_running()
        os.close(self._lock)
        self._lock = None

    def processes(self) -> list[int]:
        """Ids of all processes of the platform: services, their children, Triton and Envoy."""
        roots = [service.process.pid for service in self.services.values() if service.process is not None]
        for name in ("triton", "envoy"):
            with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
                roots.append(int(json.loads((self.run / f"{name}.json").read_text())["pid"]))
        found: dict[int, None] = {}
        for root in roots:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(root)
                for item in (process, *process.children(recursive=True)):
                    found[item.pid] = None
        return list(found)

    def restarts(self) -> dict[str, int]:
        """How often each service was started again."""
        return {name: service.restarts for name, service in self.services.items()}

    def _take_lock(self) -> None:
        self._lock = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = None
            raise AlreadyRunning(
                f"a platform is already running in {self.home}; stop it with 'millrace down'"
            ) from error

    def _remembered(self) -> dict[str, int]:
        try:
            return dict(json.loads((self.run / "platform.json").read_text())["ports"])
        except (FileNotFoundError, ValueError, KeyError):
            return {}

    def _service(self, name: str) -> Service:
        environment = {
            "MILLRACE_HOME": str(self.home),
            "MILLRACE_SERVICE": name,
            "MILLRACE_PORT": str(self.ports[name]),
            "MILLRACE_TOKENS_FILE": str(self.run / "tokens.json"),
            "MILLRACE_TOKEN": self.secrets.get(name, ""),
            "MILLRACE_OTLP_PORT": str(self.ports["otlp"]),
            **{f"MILLRACE_{other.upper()}_URL": url for other, url in self.urls.items()},
        }
        if self.openlineage:
            environment["MILLRACE_OPENLINEAGE_URL"] = self.openlineage
        if name == "serving":
            environment["MILLRACE_GATEWAY_TOKEN"] = self.secrets["gateway"]
            environment["MILLRACE_GATEWAY_PUBLIC"] = str(not self.protect).lower()
            for port in ("gateway", "shadow", "envoy_admin", "triton", "triton_metrics"):
                environment[f"MILLRACE_{port.upper()}_PORT"] = str(self.ports[port])
        return Service(name, self.home, self.urls[name], environment)

    def _write_record(self) -> None:
        record = {
            "urls": self.urls,
            "gateway": self.gateway,
            "token": self.secrets["user"],
            "ports": self.ports,
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
        }
        tokens.write(self.run / "platform.json", record)

    def _forget_running(self) -> None:
        path = self.run / "platform.json"
        with contextlib.suppress(FileNotFoundError, ValueError):
            record = json.loads(path.read_text())
            if record.get("pid") == os.getpid():
                tokens.write(path, {"ports": record["ports"]})

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = dict(self.services)
        while waiting:
            for name, service in list(waiting.items()):
                reason = service.waits_for()
                if reason is None:
                    del waiting[name]
                elif service.process is not None and service.process.poll() is not None:
                    raise StartFailed(f"{name} ended while starting:\n{service.last_words()}")
                elif time.monotonic() > deadline:
                    raise StartFailed(
                        f"{name} is not ready after {READY_SECONDS:.0f} s ({reason}):\n{service.last_words()}"
                    )
            time.sleep(0.05)

    def _supervise(self) -> None:
        look = 0
        while not self._over.wait(LOOK_SECONDS):
            look += 1
            for place, service in enumerate(self.services.values()):
                with contextlib.suppress(OSError, psutil.Error):
                    service.tend()
                    if look % CHECK_EVERY == place:
                        service.check()
                        service.rotate()
