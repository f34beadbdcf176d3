"""A platform of five tiny services: the real supervisor, the real `millrace_core.serve`, apps of a few lines."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from millrace.laptop import platform

FEW = ("registry", "serving", "training")
"""Services that a platform within the test's own process has; one of `millrace up` has all of them."""
SERVICE = '''
"""A service that is ready at once, or fails to start when home/fail-<name> is there."""
import json, os, pathlib, subprocess, types
import psutil

NAME = os.environ["MILLRACE_SERVICE"]
HOME = pathlib.Path(os.environ["MILLRACE_HOME"])

def build():
    if (HOME / f"fail-{NAME}").exists():
        raise RuntimeError("the disk of " + NAME + " is full")
    if NAME == "serving":
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        record = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
        (HOME / "run" / "triton.json").write_text(json.dumps(record))
    if NAME == "training":
        job = subprocess.Popen(["sleep", "600"], start_new_session=True)
        (HOME / "job").write_text(str(job.pid))
    settings = types.SimpleNamespace(host="127.0.0.1", port=int(os.environ["MILLRACE_PORT"]))
    built = App()
    built.state = types.SimpleNamespace(services=types.SimpleNamespace(settings=settings))
    return built

class App:
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.live(receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": NAME.encode()})

    async def live(self, receive, send):
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty home; services started from here are the tiny ones."""
    modules = tmp_path / "modules"
    for name in platform.ORDER:
        package = modules / f"millrace_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "main.py").write_text(SERVICE)
    monkeypatch.setattr(platform, "ORDER", FEW)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def up(home: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """`millrace up` as a process of its own, already ready; whatever is left is ended afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "millrace", "up"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Leave this running"):
                return process
        raise AssertionError("".join(lines))

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
    for pid in recorded(home).values():
        if psutil.pid_exists(pid):
            os.kill(pid, 9)


def recorded(home: Path) -> dict[str, int]:
    """Process ids by the name of their record."""
    paths = [*(home / "run").glob("service-*.json"), *(home / "run").glob("triton.json")]
    return {path.stem: json.loads(path.read_text())["pid"] for path in paths}


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Whether *true* becomes so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return true()
