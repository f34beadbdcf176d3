"""One cell of a request or logged row as its tensor holds it: what a contract is to a file, the signature is here.

Pure Python: services ask it that know nothing of tables.
"""

from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

from millrace_contracts.signature import Input, Signature
from millrace_table import moments

LARGEST = 3.4028234663852886e38
"""The largest number of a tensor (float32)."""
Cell = bool | int | float | str | None
Kept = float | int | str | None


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a cell, in words that follow its name, and how to mend it."""

    words: str
    mend: str


def value(cell: Cell, item: Input, signature: Signature) -> Kept | Wrong:
    """A number, epoch seconds or a text; None is missing."""
    if cell is None:
        return None
    if item.datatype == "BYTES":
        return _text(cell, signature)
    if item.datatype == "INT64":
        return _instant(cell, signature)
    if isinstance(cell, str):
        return Wrong("is text", "send true or false" if item.kind == "boolean" else "send a number")
    if item.kind == "boolean" and cell not in (0, 1):
        return Wrong("is neither true nor false", "send true or false")
    if cell != cell or abs(cell) > LARGEST:
        return Wrong("is too large", "send a smaller number")
    return float(cell) + 0.0  # -0 is 0


def _text(cell: Cell, signature: Signature) -> str | Wrong | None:
    if isinstance(cell, bool | float):
        return Wrong("is not text", "send text")
    return signature.word(str(cell)) or None


def _instant(cell: Cell, signature: Signature) -> int | Wrong:
    if isinstance(cell, bool | float):
        return Wrong("is not a point in time", "send ISO 8601 text or whole epoch seconds")
    wrong = Wrong("is not a point in time", "send ISO 8601, like 2026-05-03T08:00:00Z")
    if isinstance(cell, int):
        micros = moments.micros(cell)
        return wrong if micros is None else micros // 1_000_000
    read = None if cell is None else moments.moment(cell.strip(), signature.date_order)
    if read is None:
        return wrong
    aware = read if read.tzinfo else read.replace(tzinfo=ZoneInfo(signature.timezone or "UTC"))
    return int((aware.astimezone(UTC) - moments.ZERO).total_seconds() // 1)
