"""Places outside the database to which signed heads go: a file, a bucket, a webhook."""

import asyncio
import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from millrace_contracts.audit import SignedHead
from millrace_core.errors import Unavailable
from millrace_core.storage import put_once

SECONDS = 10.0


async def send(place: str, number: int, head: SignedHead) -> None:
    """Bring one signed head to *place*; the same one again does no harm. Raises: Unavailable."""
    line = head.model_dump_json(exclude={"exported_at"})
    parts = urlsplit(place)
    try:
        if parts.scheme == "file":
            await asyncio.to_thread(_append, Path(parts.path), line)
        elif parts.scheme in ("http", "https"):
            async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
                answer = await client.post(place, content=line, headers={"content-type": "application/json"})
                answer.raise_for_status()
        else:
            await put_once(place, name_of(number, head), line.encode())
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, Unavailable) as error:
        raise Unavailable(
            f"The head {number} is signed, but {parts.scheme}://{parts.hostname or parts.path} did not take it "
            f"({type(error).__name__}). It is tried again by itself; where heads go says MILLRACE_AUDIT_EXPORTS."
        ) from error


def name_of(number: int, head: SignedHead) -> str:
    """Under which name a bucket has it; another one of its number, as after a restored backup, stands beside it."""
    return f"head-{number:08d}-{hashlib.sha256(head.statement.encode()).hexdigest()[:16]}.json"


def _append(path: Path, line: str) -> None:
    """Add a line, synced before this returns; behind one that broke off, on a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        end = os.fstat(descriptor).st_size
        whole = end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"
        file.write(("" if whole else "\n") + line + "\n")
        file.flush()
        os.fsync(file.fileno())
