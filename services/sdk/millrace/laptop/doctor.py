"""Looks at what the platform needs on this machine, and says how to get what is missing."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import psutil

from millrace.interpreter import library_path
from millrace.laptop import stopping

GIB = 2**30
DISK, MEMORY, SHARED = 3 * GIB, 3 * GIB, 128 * 2**20
GLIBC = (2, 35)
NUMPY = "1.26.4"


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that was looked at; `odd` works but may surprise, `bad` stops the platform."""

    check: str
    verdict: Literal["good", "odd", "bad"]
    found: str
    remedy: str = ""


def examine(home: Path) -> list[DoctorFinding]:
    """Every check, in the order in which they matter."""
    checks: tuple[Callable[[], DoctorFinding], ...] = (
        _system, _python, _glibc, _envoy, _triton, _libpython, _numpy, lambda: _disk(home), _memory, _shared,
        lambda: _ports(home), lambda: _platform(home),
    )  # fmt: skip
    return [check() for check in checks]


def _verdict(
    check: str, good: bool, found: str, remedy: str, otherwise: Literal["odd", "bad"] = "bad"
) -> DoctorFinding:
    return DoctorFinding(check, "good", found) if good else DoctorFinding(check, otherwise, found, remedy)


def _system() -> DoctorFinding:
    found = f"{platform.system()} {platform.machine()}"
    return _verdict(
        "system", found == "Linux x86_64", found, "use Linux on x86-64; a virtual machine will do"
    )


def _python() -> DoctorFinding:
    version = platform.python_version()
    good = sys.version_info[:2] in ((3, 11), (3, 12))
    return _verdict(
        "python", good, version, "set Millrace up with Python 3.11 or 3.12: make PYTHON=python3.11 setup"
    )


def _glibc() -> DoctorFinding:
    name = os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    try:
        good = tuple(int(part) for part in name.split()[-1].split(".")[:2]) >= GLIBC
    except ValueError:
        good = False
    return _verdict("glibc", good, name, "Triton needs 2.35 or newer: Debian 12, Ubuntu 22.04 or newer")


def _envoy() -> DoctorFinding:
    path = Path(os.environ.get("MILLRACE_ENVOY_BINARY") or Path(sys.prefix) / "bin" / "envoy")
    if not os.access(path, os.X_OK):
        return DoctorFinding("envoy", "bad", f"{path} is missing", "run 'make setup' again")
    answer = _output([str(path), "--version"])
    parts = answer.split("version:")[-1].strip().split("/")
    return _verdict(
        "envoy", "version:" in answer, parts[1] if len(parts) > 1 else answer[:80], "run 'make setup' again"
    )


def _environment() -> Path:
    return Path(os.environ.get("MILLRACE_TRITON_ENVIRONMENT") or Path(sys.prefix) / "triton")


def _site() -> Path | None:
    return next(iter(sorted(_environment().glob("lib/python3.*/site-packages"))), None)


def _triton() -> DoctorFinding:
    site = _site()
    binary = None if site is None else site / "pytriton" / "tritonserver" / "bin" / "tritonserver"
    good = binary is not None and os.access(binary, os.X_OK)
    return _verdict("triton", good, str(binary or f"{_environment()} is missing"), "run 'make setup' again")


def _libpython() -> DoctorFinding:
    """The stub runs the model's Python; what its loader cannot find, it names."""
    site = _site()
    tag = "" if site is None else site.parent.name.removeprefix("python")
    stubs = None if site is None else site / "pytriton" / "tritonserver" / "python_backend_stubs" / tag
    stub = None if stubs is None else stubs / "triton_python_backend_stub"
    if stub is None or not stub.exists():
        return DoctorFinding(
            "libpython", "bad", f"no Triton stub for Python {tag or '?'}", "set up with Python 3.11 or 3.12"
        )
    beside = library_path(os.environ.get("LD_LIBRARY_PATH"))
    needed = _output([str(stub)], LD_TRACE_LOADED_OBJECTS="1", **beside)
    lines = [line.strip() for line in needed.splitlines()]
    missing = [line.split()[0] for line in lines if line.endswith("not found")]
    found = next((line for line in lines if line.startswith("libpython")), "no libpython is needed")
    build = "PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install"
    remedy = f"Debian, Ubuntu: apt install libpython{tag}; pyenv: {build} {tag}"
    return _verdict("libpython", not missing, f"missing: {', '.join(missing)}" if missing else found, remedy)


def _numpy() -> DoctorFinding:
    """With numpy 2 the stub answers wrong numbers without an error."""
    site = _site()
    found = (
        []
        if site is None
        else [path.name.split("-")[1].removesuffix(".dist") for path in site.glob("numpy-*.dist-info")]
    )
    version = found[0].removesuffix(".dist-info") if found else "missing"
    return _verdict(
        "triton's numpy", version == NUMPY, version, f"it has to be {NUMPY}: run 'make setup' again"
    )


def _disk(home: Path) -> DoctorFinding:
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return DoctorFinding(
            "disk", "bad", f"{existing} cannot be written to", "set MILLRACE_HOME to a folder of yours"
        )
    free = shutil.disk_usage(existing).free
    return _verdict(
        "disk",
        free >= DISK,
        f"{free / GIB:.1f} GiB free for {home}",
        "free 3 GiB, or set MILLRACE_HOME",
        "odd",
    )


def _memory() -> DoctorFinding:
    free = psutil.virtual_memory().available
    remedy = "close something: the platform takes 1.5 GiB, a training job up to its limit"
    return _verdict("memory", free >= MEMORY, f"{free / GIB:.1f} GiB available", remedy, "odd")


def _shared() -> DoctorFinding:
    """Triton hands rows to its stub through /dev/shm."""
    folder = Path("/dev/shm")  # noqa: S108 - where Triton puts it
    if not os.access(folder, os.W_OK):
        return DoctorFinding("shared memory", "bad", f"{folder} cannot be written to", "mount a tmpfs there")
    free = shutil.disk_usage(folder).free
    remedy = "make /dev/shm larger (in a container: --shm-size=1g)"
    return _verdict("shared memory", free >= SHARED, f"{free >> 20} MiB free in /dev/shm", remedy)


def _ports(home: Path) -> DoctorFinding:
    """Ports are chosen freely; one that another program took is chosen anew."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            return DoctorFinding(
                "ports", "bad", f"loopback cannot be used: {error.strerror}", "bring the interface lo up"
            )
    remembered = {} if stopping.running(home) else _record(home).get("ports", {})
    taken = [f"{name} {port}" for name, port in remembered.items() if _answers(port)]
    found = f"taken by another program: {', '.join(taken)}" if taken else "free"
    return _verdict(
        "ports", not taken, found, "nothing to do: 'millrace up' chooses others, so URLs change", "odd"
    )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.3)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _record(home: Path) -> dict[str, dict[str, int]]:
    try:
        return dict(json.loads((home / "run" / "platform.json").read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _platform(home: Path) -> DoctorFinding:
    supervisor = stopping.running(home)
    if supervisor is None:
        return DoctorFinding("platform", "good", f"not running in {home}; 'millrace up' starts it")
    waiting = [
        f"{name} {reason}"
        for name, url in _record(home).get("urls", {}).items()
        if (reason := _waits(str(url)))
    ]
    found = f"running (process {supervisor.pid})" + (
        f"; not ready: {'; '.join(waiting)}" if waiting else ", all ready"
    )
    return _verdict(
        "platform", not waiting, found, f"see {home / 'logs'}; 'millrace down', then 'millrace up'"
    )


def _waits(url: str) -> str:
    """What a service waits for; empty when it is ready."""
    try:
        answer = httpx.get(f"{url}/readyz", timeout=3, trust_env=False)
    except httpx.TransportError:
        return "does not answer"
    if answer.status_code == 200:
        return ""
    return (
        ", ".join(f"{name}: {reason}" for name, reason in answer.json().get("waits_for", {}).items())
        or "waits"
    )


def _output(arguments: list[str], **variables: str) -> str:
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=10, env=os.environ | variables, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout + done.stderr
