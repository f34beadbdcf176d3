"""A file as the body of a request, read in pieces; a second attempt reads it from its beginning."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

CHUNK = 1 << 20


class FileBody:
    """For a blocking call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


class AsyncFileBody:
    """For an asynchronous call; the file is read in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
