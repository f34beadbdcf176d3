"""A job's event stream as a file of JSON lines; an event's id is the byte after its line."""

import os
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel

from millrace_contracts.bodies import Document
from millrace_training.runtime.folder import OPTIONS

CHUNK = 1 << 16


class Note(BaseModel):
    """One line that a job adds to its events."""

    message: str
    facts: Document


@dataclass(frozen=True)
class JobEvent:
    """One event; *id* is where the stream goes on behind it."""

    id: int
    event: str
    data: Document


class EventWriter:
    """Appends events; a line that an earlier attempt left unfinished is closed first."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, event: str, data: BaseModel) -> None:
        """Add an event at the end."""
        line = {"event": event, "data": data.model_dump(mode="json")}
        os.write(self._file, orjson.dumps(line, option=OPTIONS) + b"\n")


def read(path: Path, after: int) -> list[JobEvent]:
    """Finished events behind the byte *after*, at most one chunk of them."""
    try:
        with path.open("rb") as file:
            file.seek(after)
            block = file.read(CHUNK)
            if b"\n" not in block:
                block += file.readline()
    except FileNotFoundError:
        return []
    news, position = [], after
    for line in block.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        position += len(line)
        parsed = _parsed(line)
        if parsed is not None:
            news.append(JobEvent(position, parsed["event"], parsed["data"]))
    return news


def starts_line(path: Path, offset: int) -> bool:
    """Whether *offset* is where a line begins, so that a stream can be taken up there."""
    if offset == 0:
        return True
    try:
        with path.open("rb") as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"
    except FileNotFoundError:
        return False


def _parsed(line: bytes) -> Document | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and event.keys() == {"event", "data"} else None
