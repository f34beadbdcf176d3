"""The client as users install it: contracts and SDK in an environment of their own, without the platform."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
CACHE = os.environ.get("UV_CACHE_DIR", str(ROOT / ".cache" / "uv"))


def pinned(into: Path) -> Path:
    """The versions of the platform's lock as constraints: those are in uv's cache since `make setup`."""
    read = runpy.run_path(str(ROOT / "requirements" / "images" / "locked.py"))["read"]
    items = read(ROOT / "requirements" / "platform.lock")
    into.write_text("".join(f"{item.name}=={item.version}\n" for item in items))
    return into


def install(folder: Path, *extras: str) -> Path:
    """A new environment with the client in it, made offline; returns its folder of programs."""
    sdk = "./services/sdk" + (f"[{','.join(extras)}]" if extras else "")
    environment = {"PATH": os.environ["PATH"], "UV_CACHE_DIR": CACHE, "HOME": str(folder)}
    place = folder / "client"
    constraints = pinned(folder / "constraints.txt")
    for command in (
        ["venv", "--python", sys.executable, str(place)],
        ["pip", "install", "--offline", "--python", str(place / "bin" / "python"), "-c", str(constraints),
         "./services/contracts", *(["./services/table"] if extras else []), sdk],
    ):  # fmt: skip
        done = subprocess.run(
            [str(UV), "-q", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return place / "bin"


def run(programs: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One program of the environment, which sees nothing of ours but what was installed."""
    return subprocess.run(
        [str(programs / command[0]), *command[1:]], env={"PATH": "/usr/bin:/bin"} | environment,
        cwd=programs, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
