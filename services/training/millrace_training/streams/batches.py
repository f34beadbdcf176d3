"""Reads a batch of rows as it came: counted and packed, never changed, so that a cell means what it means in a file."""

import gzip
import hashlib
from dataclasses import dataclass

import orjson

from millrace_contracts.streams import BATCH_ROWS
from millrace_core.errors import BadInput, FieldError, TooLarge

MARK = b"\xef\xbb\xbf"
LIKE = 'Send a row a line, in UTF-8, like {"column": value}.'


@dataclass(frozen=True)
class Batch:
    """Lines as one packed piece; several pieces, one behind the other, are a packed file.

    unreadable: lines that are no JSON object. digest: of the lines.
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
    unreadable = sum(not _is_row(line) for line in lines)
    return Batch(gzip.compress(whole, 1, mtime=0), len(lines), unreadable, hashlib.sha256(whole).hexdigest())


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
