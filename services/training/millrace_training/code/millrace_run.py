"""Runs the processes of the code: workers that train together, and what another container of a pod begins.

It stands beside millrace_job.py, and like that needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any

POLL, GRACE = 0.1, 1.0
"""Seconds between two looks, and those in which others may still show that the first bad end followed from theirs."""
TOOL = "millrace_job.py"
LOOPBACK = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
"""Workers of one machine meet where no other machine is."""


def workers(folder: str, many: int) -> int:
    """Run *many* workers to their end, as torchrun does; all end with the first that ends badly.

    Returns: 0 when all ended well, 128 and the signal if one was killed (lost.json says which), else 1 (failed.json has
    the failure that came first).
    """
    port = str(free_port())
    _scattered(folder, many)
    begun = {rank: _worker(folder, rank, many, port) for rank in range(many)}
    ended = _ended(begun)
    killed = {rank: -code for rank, code in ended.items() if code < 0}
    for child in begun.values():
        if child.poll() is None:
            child.kill()
        child.wait()
    if killed:
        rank = min(killed)
        _write(folder, "lost.json", {"rank": rank, "signal": killed[rank]})
        return 128 + killed[rank]
    if not any(ended.values()):
        return 0
    first_failure(folder)
    return 1


def free_port() -> int:
    """One at which nobody listens now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
    return port


def _scattered(folder: str, many: int) -> None:
    """A folder for each worker, so that what one writes by name is not another's."""
    for rank in range(1, many):
        mine = os.path.join(folder, f"code-{rank}")
        shutil.rmtree(mine, ignore_errors=True)
        shutil.copytree(os.path.join(folder, "code"), mine, symlinks=True)


def _worker(folder: str, rank: int, many: int, port: str) -> subprocess.Popen[bytes]:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": many, "LOCAL_WORLD_SIZE": many, "GROUP_RANK": 0}
    told = {name: str(value) for name, value in place.items()} | {"MASTER_PORT": port} | LOOPBACK
    return subprocess.Popen(
        [sys.executable, "-B", "-u", os.path.join(folder, TOOL), folder], env={**os.environ, **told}
    )


def _ended(begun: dict[int, subprocess.Popen[bytes]]) -> dict[int, int]:
    """How they ended, by rank: all of them, or those that did until shortly after the first bad end."""
    until = None
    while True:
        ended = {rank: child.returncode for rank, child in begun.items() if child.poll() is not None}
        if len(ended) == len(begun) or any(code < 0 for code in ended.values()):
            return ended
        if any(ended.values()):
            until = until or time.monotonic() + GRACE
            if time.monotonic() > until:
                return ended
        time.sleep(POLL)


def first_failure(folder: str) -> None:
    """What failed later, failed for want of the first."""
    told = []
    for path in glob.glob(os.path.join(folder, "failed-*.json")):
        with open(path) as file:
            told.append(json.load(file))
    if told:
        _write(folder, "failed.json", min(told, key=lambda failure: failure["at"]))


def serve(root: str) -> None:
    """Run what is begun in the folders of *root*, for a Millrace in another container of the same pod, until killed."""
    for folder, number in _begun(root):
        if os.path.exists(
            os.path.join(folder, f"started-{number}")
        ):  # this container was killed for its memory
            _write(folder, f"ended-{number}.json", {"code": 137})
    while True:
        for folder, number in _begun(root):
            _write(folder, f"ended-{number}.json", {"code": _ran(folder, number)})
        time.sleep(POLL)


def _begun(root: str) -> list[tuple[str, int]]:
    """Folders and numbers of what is begun and has not ended."""
    found = []
    for path in sorted(glob.glob(os.path.join(root, "*", "begin-*"))):
        folder, name = os.path.split(path)
        number = int(name.rpartition("-")[2])
        if not os.path.exists(os.path.join(folder, f"ended-{number}.json")):
            found.append((folder, number))
    return found


def _ran(folder: str, number: int) -> int:
    """The exit status of the code, 128 and the signal if one killed it; it is killed when it is told to stop."""
    with open(os.path.join(folder, f"begin-{number}")) as file:
        begin = json.load(file)
    open(os.path.join(folder, f"started-{number}"), "w").close()
    many = [] if begin["workers"] is None else ["--workers", str(begin["workers"])]
    child = subprocess.Popen(
        [sys.executable, "-B", "-u", os.path.join(folder, TOOL), *many, folder],
        env={**os.environ, **begin["variables"]},
        start_new_session=True,
    )
    stop = os.path.join(folder, f"stop-{number}")
    while child.poll() is None:
        if os.path.exists(stop):
            os.killpg(child.pid, signal.SIGKILL)
        time.sleep(POLL)
    with contextlib.suppress(ProcessLookupError):  # what it left behind
        os.killpg(child.pid, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _write(folder: str, name: str, value: Any) -> None:
    staged = os.path.join(folder, "." + name)
    with open(staged, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(staged, os.path.join(folder, name))
