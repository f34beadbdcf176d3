"""What a card is made of: sections of words, lists and tables, and how values are written in them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from millrace_contracts.digits import legible


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Lines:
    """A table; None is not known."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]


Block = Words | Bullets | Lines


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    title: str
    blocks: Sequence[Block]


def moment(instant: datetime | None) -> str | None:
    """An instant in UTC, to the minute."""
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"


def number(value: float | None) -> str | None:
    return None if value is None or not math.isfinite(value) else legible(value, 5)


def flat(document: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """A document's leaves by their path, in its order."""
    for name, value in document.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}.")
        elif isinstance(value, float):
            yield path, number(value)
        else:
            yield path, value
