"""What the rows of a dataset version look like, column by column, as its profile says."""

from collections.abc import Sequence
from dataclasses import dataclass

from millrace_contracts.bodies import Document
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.digits import legible
from millrace_contracts.shortening import shortened

COMMONEST = 5
LONGEST = 40


@dataclass(frozen=True)
class ColumnProfile:
    """*missing*: share of the rows, in [0, 1]; *told*: extent and middle of numbers, the commonest of others."""

    name: str
    missing: float | None
    distinct: int | None
    told: str


def rows_of(version: DatasetVersionRead | None) -> int:
    """Of how many rows the profile is; 0 where there is none."""
    rows = version.profile.get("rows") if version is not None else None
    return rows if isinstance(rows, int) else 0


def columns(version: DatasetVersionRead | None) -> list[ColumnProfile]:
    """Columns in the order of the data; none where there is no profile."""
    told = version.profile.get("columns") if version is not None else None
    rows = rows_of(version)
    if not isinstance(told, dict):
        return []
    return [_column(str(name), item, rows) for name, item in told.items() if isinstance(item, dict)]


def _column(name: str, item: Document, rows: int) -> ColumnProfile:
    missing, distinct = item.get("missing"), item.get("distinct")
    return ColumnProfile(
        name,
        missing / rows if isinstance(missing, int) and rows else None,
        distinct if isinstance(distinct, int) else None,
        _commonest(item["top"], rows) if isinstance(item.get("top"), list) else _extent(item),
    )


def _extent(item: Document) -> str:
    """Like `12 to 90, half of them 20 to 41, mean 30`."""
    quartiles = item.get("quartiles")
    parts = []
    if item.get("minimum") is not None and item.get("maximum") is not None:
        parts.append(f"{_short(item['minimum'])} to {_short(item['maximum'])}")
    if isinstance(quartiles, list) and len(quartiles) == 3:
        parts.append(f"half of them {_short(quartiles[0])} to {_short(quartiles[2])}")
    if item.get("mean") is not None:
        parts.append(f"mean {_short(item['mean'])}")
    return ", ".join(parts)


def _commonest(top: Sequence[object], rows: int) -> str:
    pairs = [item for item in top if isinstance(item, list) and len(item) == 2][:COMMONEST]
    return ", ".join(f"{_short(value)} {_share(count, rows)}" for value, count in pairs)


def _share(count: object, rows: int) -> str:
    return f"{100 * count / rows:.3g} %" if isinstance(count, int) and rows else str(count)


def _short(value: object) -> str:
    text = legible(value, 6) if isinstance(value, float) else str(value)
    return shortened(text, LONGEST)
