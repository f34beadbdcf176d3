"""Reads a batch of rows as it came: counted and packed, never changed, so that a cell means what it means in a file."""

import gzip
import hashlib
from dataclasses import dataclass

import orjson

from millrace_contracts.streams import BATCH_ROWS, odd_name
from millrace_core.errors import BadInput, FieldError, TooLarge

MARK = b"\xef\xbb\xbf"
LIKE = 'Send a row a line, in UTF-8, like {"column": value}.'


@dataclass(frozen=True)
class Batch:
    """Lines as one packed piece; several pieces, one behind the other, are a packed file.

    unreadable: lines that are no JSON object of plain values. digest: of the lines as they came.
    """

    data: bytes
    rows: int
    unreadable: int
    digest: str


def read(body: bytes) -> Batch:
    """The lines of *body*, blank ones aside. Raises: BadInput; TooLarge."""
    text = body.removeprefix(MARK)
    if text.lstrip()[:1] == b"[":
        raise BadInput("The body is an array.", [FieldError("body", "is an array, not lines", LIKE)])
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    if not lines:
        raise BadInput("The body has no rows.", [FieldError("body", "has no rows", LIKE)])
    if len(lines) > BATCH_ROWS:
        raise TooLarge(f"The batch has {len(lines)} rows; {BATCH_ROWS} are the most. Send several batches.")
    whole = b"\n".join(lines) + b"\n"
    digest, odd = hashlib.sha256(whole).hexdigest(), [n for n, line in enumerate(lines) if not _is_row(line)]
    if any(not lines[n].isascii() for n in odd):
        for n in odd:
            lines[n] = _told(lines[n])
        whole = b"\n".join(lines) + b"\n"
    return Batch(gzip.compress(whole, 1, mtime=0), len(lines), len(odd), digest)


def _is_row(line: bytes) -> bool:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict) and odd_name(row) is None


def _told(line: bytes) -> bytes:
    """A line that is no row, in UTF-8: one that is none would make all rows beside it look like another encoding."""
    return line.decode(errors="backslashreplace").encode()
