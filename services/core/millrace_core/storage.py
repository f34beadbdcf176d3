"""Blobs by digest: the store chooses every key, and a blob is checked whenever it is read."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import obstore
import obstore.exceptions
from obstore.store import from_url

from millrace_core.errors import BadInput, MillraceError, NotFound, Unavailable

CHUNK = 1 << 20


class Corrupt(MillraceError):
    """The stored bytes are not the ones whose digest was recorded."""

    status, title = 500, "Stored data is damaged"


@dataclass(frozen=True)
class Blob:
    """One stored blob: its digest (`sha256:<hex>`) and size in bytes."""

    digest: str
    size: int


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _key(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise BadInput("A digest looks like 'sha256:' and 64 hexadecimal digits.")
    return f"{value[:2]}/{value}"


class Store:
    """Content-addressed blobs on a local disk (`file:///…`) or an object store (`s3://…`).

    Args:
        lasting: False: what is put on a local disk is not waited for.
    """

    def __init__(self, url: str, lasting: bool = True) -> None:
        self._lasting = lasting
        parsed = urlparse(url)
        self._root = Path(parsed.path) if parsed.scheme == "file" else None
        if self._root is not None:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._store = from_url(url)

    async def put(self, data: bytes | Path | AsyncIterator[bytes], expected: str | None = None) -> Blob:
        """Store *data*; on a local disk it is synced before this returns, if it is to last.

        What is stored under its digest already is replaced: these bytes are known to be good, those may be damaged.

        Raises: BadInput if *expected* is given and is not the digest of the data.
        """
        with tempfile.NamedTemporaryFile(dir=self._root, prefix=".upload-") as spool:
            hasher, size = hashlib.sha256(), 0
            async for chunk in _chunks(data):
                hasher.update(chunk)
                size += len(chunk)
                spool.write(chunk)
            blob = Blob("sha256:" + hasher.hexdigest(), size)
            if expected is not None and expected != blob.digest:
                raise BadInput(f"The body's digest is {blob.digest}, not {expected}.")
            spool.flush()
            await self._keep(Path(spool.name), blob)
        return blob

    async def _keep(self, spool: Path, blob: Blob) -> None:
        if self._root is None:
            await obstore.put_async(self._store, _key(blob.digest), spool)
            return
        target = self._root / _key(blob.digest)
        if self._lasting:
            await asyncio.to_thread(_link, spool, target, True)
        else:
            _link(spool, target, False)

    async def open(self, digest: str) -> AsyncIterator[bytes]:
        """The blob in chunks. Raises NotFound; Corrupt before the last chunk if the bytes have changed."""
        try:
            result = await obstore.get_async(self._store, _key(digest))
        except FileNotFoundError as error:
            raise NotFound(f"There is no artifact {digest}.") from error
        hasher, held = hashlib.sha256(), b""
        async for part in result.stream(min_chunk_size=CHUNK):
            chunk = bytes(part)
            hasher.update(chunk)
            if held:
                yield held
            held = chunk
        if "sha256:" + hasher.hexdigest() != digest:
            raise Corrupt(f"The stored bytes of {digest} have changed; restore them from a backup.")
        if held:
            yield held

    async def read(self, digest: str) -> bytes:
        """The whole blob, checked. Raises NotFound, Corrupt."""
        return b"".join([chunk async for chunk in self.open(digest)])

    async def verify(self, digest: str) -> int:
        """Read the blob through and return its size in bytes. Raises NotFound, Corrupt."""
        size = 0
        async for chunk in self.open(digest):
            size += len(chunk)
        return size

    def path(self, digest: str) -> Path | None:
        """Where the blob lies on this machine, or None on an object store."""
        return None if self._root is None else self._root / _key(digest)

    async def exists(self, digest: str) -> bool:
        try:
            await obstore.head_async(self._store, _key(digest))
        except FileNotFoundError:
            return False
        return True

    async def delete(self, digest: str) -> None:
        """Remove the blob; nothing happens if it is gone already."""
        try:
            await obstore.delete_async(self._store, _key(digest))
        except FileNotFoundError:
            return


async def put_once(url: str, name: str, data: bytes) -> None:
    """Write *data* under *name* into the bucket at *url*, where nothing is ever overwritten; once more does no harm.

    Raises: Unavailable if the bucket cannot be had, or does not take it.
    """
    try:
        await obstore.put_async(from_url(url), name, data, mode="create")
    except obstore.exceptions.AlreadyExistsError:
        return
    except (obstore.exceptions.BaseError, OSError) as error:
        raise Unavailable(f"A bucket does not take what is written ({type(error).__name__}).") from error


async def _chunks(data: bytes | Path | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(data, bytes):
        yield data
    elif isinstance(data, Path):
        with data.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
    else:
        async for chunk in data:
            yield chunk


def _link(spool: Path, target: Path, lasting: bool) -> None:
    """Give the spool file its name; *lasting*: it and the folder are synced before this returns."""
    if lasting:
        with spool.open("rb") as file:
            os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    os.link(spool, staged)
    os.replace(staged, target)
    if not lasting:
        return
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
