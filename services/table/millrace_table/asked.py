"""One cell of a request or logged row as its tensor holds it: what a contract is to a file, the signature is here.

Pure Python: services ask it that know nothing of tables.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from millrace_contracts.shapes import MOST_AXES
from millrace_contracts.signature import Input, Signature
from millrace_table import moments

LARGEST = 3.4028234663852886e38
"""The largest number of a tensor (float32)."""
NUMBERS = frozenset({float, int, type(None)})
Cell = bool | int | float | str | list[Any] | None
Kept = float | int | str | list[float] | None


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a cell, in words that follow its name, and how to mend it."""

    words: str
    mend: str


def value(cell: Cell, item: Input, signature: Signature) -> Kept | Wrong:
    """A number, epoch seconds, a text, or the numbers of a tensor one behind the other; None is missing."""
    if cell is None:
        return None
    if item.shape is not None:
        return tensor(cell, item.shape)
    if isinstance(cell, list):
        return Wrong("is a list", "send one value")
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


def _instant(cell: bool | int | float | str | None, signature: Signature) -> int | Wrong:
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


def tensor(cell: Cell, shape: Sequence[int]) -> list[float] | Wrong:
    """The numbers of nested lists of this *shape*, a missing one as NaN."""
    mend = f"send lists of numbers of the shape {list(shape)}"
    if not isinstance(cell, list):
        return Wrong(f"is no tensor of the shape {list(shape)}", mend)
    given = shape_of(cell)
    if given != list(shape):
        return Wrong(f"has the shape {_shown(given)}, expected {list(shape)}", mend)
    flat = cell
    for _ in shape[1:]:
        flat = [item for inner in flat for item in inner]
    if not NUMBERS.issuperset(map(type, flat)):
        return Wrong("holds what is no number", mend)
    numbers = [math.nan if item is None else float(item) + 0.0 for item in flat]
    if any(abs(item) > LARGEST for item in numbers):
        return Wrong("holds a number that is too large", "send smaller numbers")
    return numbers


def shape_of(cell: object, depth: int = 0) -> list[int] | None:
    """How long nested lists are on each level, a little deeper than tensors are; None if those of one level differ."""
    if not isinstance(cell, list) or depth > MOST_AXES:
        return []
    if not any(isinstance(item, list) for item in cell):
        return [len(cell)]
    inner = [shape_of(item, depth + 1) for item in cell]
    first = inner[0]
    return None if first is None or any(item != first for item in inner) else [len(cell), *first]


def _shown(shape: list[int] | None) -> str:
    return "of lists of different lengths" if shape is None else str(shape[:8])
