"""Places outside the database to which signed heads go: a file, a bucket, a webhook."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from millrace_contracts.audit import SignedHead
from millrace_core.storage import put_once

SECONDS = 10.0


async def send(place: str, number: int, head: SignedHead) -> None:
    """Bring one signed head to *place*; the same one again does no harm. Raises: OSError or httpx.HTTPError."""
    line = head.model_dump_json(exclude={"exported_at"})
    scheme = urlsplit(place).scheme
    if scheme == "file":
        await asyncio.to_thread(_append, Path(urlsplit(place).path), line)
    elif scheme in ("http", "https"):
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(place, content=line, headers={"content-type": "application/json"})
            answer.raise_for_status()
    else:
        await put_once(place, f"head-{number:08d}.json", line.encode())


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
