"""Puts a process apart before it becomes the user's code: `python -I sandbox.py <conditions as JSON>`.

Linux namespaces take away the network, what the platform keeps on this machine, and the sight of other processes,
with their environments. Where the kernel does not allow one of them, guards.json says so: nothing is pretended. It
needs the standard library alone, as it runs beside the job and imports nothing of it.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NET = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
BIND, RECURSIVE, PRIVATE, NO_SUID, NO_DEV, NO_EXEC = 0x1000, 0x4000, 0x40000, 0x2, 0x4, 0x8
DEATH_SIGNAL, NO_NEW_PRIVILEGES, DROP_CAPABILITY, CAPABILITIES = 1, 38, 24, 64
SET_FLAGS, GET_FLAGS, UP = 0x8914, 0x8913, 0x1
ENFORCED, NOT_ENFORCED, OPEN = "enforced", "not enforced", "open"
LIBC = ctypes.CDLL(None, use_errno=True)


def main(conditions: Mapping[str, Any]) -> NoReturn:
    """Become the command, apart.

    Args:
        conditions: folder (the code's own), command, network (whether it may use it), hide (folders it may not see).
    """
    guards = {"network": OPEN if conditions["network"] else NOT_ENFORCED}
    guards |= {"files": NOT_ENFORCED, "processes": NOT_ENFORCED}
    parted = _part(conditions["network"])
    if parted:
        guards |= {} if conditions["network"] else {"network": ENFORCED}
        guards["files"] = _told(
            _hide, Path(conditions["folder"]), [Path(item) for item in conditions["hide"]]
        )
    _ends_with(os.getppid())
    if parted:
        _follow(os.fork())
        guards["processes"] = _told(_own_processes)
        LIBC.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        _follow(os.fork())
    _put(Path(conditions["folder"]) / "guards.json", guards)
    _give_up_privileges()
    os.chdir(conditions["folder"])
    os.execv(conditions["command"][0], conditions["command"])  # noqa: S606 - the very purpose


def _part(network: bool) -> bool:
    """Enter namespaces of its own; False where the kernel does not let it, as a process on trial has found."""
    trial = os.fork()
    if trial == 0:
        with contextlib.suppress(OSError):
            os._exit(0 if _enter(network) else 1)
        os._exit(1)
    return os.waitpid(trial, 0)[1] == 0 and _enter(network)


def _enter(network: bool) -> bool:
    user, group = os.geteuid(), os.getegid()
    wanted = NEW_USER | NEW_MOUNTS | NEW_IPC | NEW_PIDS | (0 if network else NEW_NET)
    if LIBC.unshare(wanted) != 0:
        return False
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path("/proc/self", name).write_text(line)
    if not network:
        with contextlib.suppress(OSError):
            _loopback()
    return True


def _loopback() -> None:
    """The code's own processes may talk to one another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(door, GET_FLAGS, request))[1]
        fcntl.ioctl(door, SET_FLAGS, struct.pack("16sH14x", b"lo", flags | UP))


def _hide(folder: Path, hidden: list[Path]) -> bool:
    """Put an empty folder over each of *hidden*; the code's own, inside one of them, is still there."""
    if not _mount(None, "/", None, RECURSIVE | PRIVATE):
        return False
    for place in hidden:
        if not place.is_dir():
            continue
        own = os.open(folder, os.O_PATH) if place in folder.parents else None
        if not _mount("tmpfs", str(place), "tmpfs", NO_SUID | NO_DEV, "mode=0700,size=1m"):
            return False
        if own is not None:
            folder.mkdir(parents=True)
            if not _mount(f"/proc/self/fd/{own}", str(folder), None, BIND | RECURSIVE):
                return False
            os.close(own)
    return True


def _own_processes() -> bool:
    """See no process but those of this namespace, whose first one this is."""
    return _mount("proc", "/proc", "proc", NO_SUID | NO_DEV | NO_EXEC)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> bool:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    done: int = LIBC.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    return done == 0


def _told(guard: Any, *given: Any) -> str:
    return ENFORCED if guard(*given) else NOT_ENFORCED


def _ends_with(parent: int) -> None:
    """Be killed when the job's process is: it comes after the namespaces, which forget such wishes."""
    LIBC.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _give_up_privileges() -> None:
    """What entering a namespace gave."""
    LIBC.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    for number in range(CAPABILITIES):
        LIBC.prctl(DROP_CAPABILITY, number, 0, 0, 0)
    LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _follow(child: int) -> None:
    """Go on in the child; the parent ends as it ends: with 128 and its signal, if one killed it.

    The first process of a namespace takes in orphans, and no signal of its own kind kills it: it is not the code.
    """
    while child:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _put(path: Path, value: dict[str, str]) -> None:
    staged = path.with_name(f".{path.name}")
    staged.write_text(json.dumps(value))
    staged.replace(path)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
