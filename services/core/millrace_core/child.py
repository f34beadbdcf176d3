"""The other side of a piece of work: how a child process or a pod begins, and how it leaves its result.

In a pod it is process 1, and its result leaves as the container's termination message (MILLRACE_RESULT).
"""

import fcntl
import json
import os
import signal
from pathlib import Path
from typing import IO

MESSAGE_BYTES = 4096
"""What Kubernetes keeps of a termination message."""


def begin(place: Path) -> IO[str]:
    """Make the folder and wait until no other process works in it; the lock is held while the file is open."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))  # process 1 would not hear it otherwise
    place.mkdir(parents=True, exist_ok=True)
    lock = (place / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # an orphan of a controller that died while it started us ends first
    return lock


def tell(place: Path, message: str, final: bool = False) -> int:
    """Leave the result, good if there is no *message*; returns the exit status.

    Args:
        final: another try would end the same.
    """
    result = {"ok": not message, "message": message, "final": final}
    staged = place / "result.staged"
    staged.write_text(json.dumps(result))
    os.replace(staged, place / "result.json")
    if os.environ.get("MILLRACE_RESULT"):
        Path(os.environ["MILLRACE_RESULT"]).write_bytes(_fitting(result, message))
    return 1 if message else 0


def _fitting(result: dict[str, object], message: str) -> bytes:
    """The result in what Kubernetes keeps: of a longer message its begin, and its end, where the remedy stands."""
    told, signs = message, len(message)
    while len(written := json.dumps(result | {"message": told}, ensure_ascii=False).encode()) > MESSAGE_BYTES:
        signs = signs * 9 // 10
        told = f"{message[: signs // 2]} … {message[len(message) - signs // 2 :]}"
    return written
