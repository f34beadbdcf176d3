"""The contract that more rows suggest than can be held: all are read, and those that are held are drawn from them.

A sample tells the types, and which cells mean what. Every row is then read so: what is missing, the least and the
greatest value, words and classes, and whether rows come again, are those of all rows. A row that the sample does not
explain (a cell of another type, a way of writing that it has not seen, a class that it lacks) is added to it, and its
column is read again. So one odd cell in forty million rows is seen as it would be among forty.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.tables import Dialect
from millrace_table import engine, inference, looks, pieces, spacing, spans, summed
from millrace_table.facts import Facts
from millrace_table.pieces import Filed
from millrace_table.spacing import Spacing
from millrace_table.spread import Spread
from millrace_table.streamed import Told
from millrace_table.summed import Sum
from millrace_table.ways import Way

CELLS = 3_000_000
BYTES = 48 << 20
"""Cells and bytes of raw columns that are held at once; a table of no more of them is held whole."""
LEAST = 1000
"""Rows that are held of however wide a table."""
SEED = 7
WHITE = "".join(sign for sign in map(chr, range(1, 0x3001)) if sign.isspace())
"""What stands around a text and is no part of it."""
ROUNDS = 12
"""How often a column is read again at most; each time its type becomes wider."""


@dataclass(frozen=True)
class Roles:
    """What is said of a table: the column to predict, the one that says when a row happened, and its zone."""

    target: str | None
    event_time: str | None
    timezone: str


@dataclass(frozen=True)
class Drawn:
    """The contract that all rows suggest, and the raw rows that are held.

    facts: of all rows, by column. odd_times, spacing: what is to be said of all event times.
    """

    contract: DataContract
    raw: pa.Table
    facts: dict[str, Facts]
    odd_times: list[str]
    spacing: Spacing | None


def fits(raw: Filed) -> bool:
    """Whether all rows can be held."""
    return _held(raw) >= raw.num_rows


def look(raw: Filed, asked: Roles, dialect: Dialect | None, told: Told = lambda rows: None) -> Drawn:
    """Look at all rows of *raw*; *told* hears again and again how many were read.

    Raises: Unreadable, as `inference.infer` does.
    """
    if raw.filtered:  # DuckDB reads the files themselves
        raw = pieces.write(raw.pieces(), raw.folder / "kept.parquet", raw.schema)
    found = _Looking(raw, asked, dialect, told)
    found.settle()
    extremes = np.unique([place for column in found.sums.values() for place in column.ends]).astype(np.int64)
    held = pa.concat_tables([found.held, raw.at(extremes)])
    seen = {name: _verified(raw, column) for name, column in found.sums.items()}
    made = [_promise(column, seen[name], held, asked) for name, column in found.sums.items()]
    again = _repeats(raw, [_hash(raw.column_names)]) / max(1, raw.num_rows)
    contract = inference.together(made, asked.target, asked.event_time, found.dialect, again)
    odd, apart = (
        ([], None) if asked.event_time is None else _times(raw, found.sums[asked.event_time].way, held)
    )
    return Drawn(contract, held, seen, odd, apart)


def _promise(column: Sum, seen: Facts, held: pa.Table, asked: Roles) -> ColumnContract:
    way = column.way

    def measures() -> bool:
        return looks.measures(held.column(way.name), way.dialect)

    return inference.promise(way.name, way.type, way.shape, seen, measures, asked.target, asked.event_time)


def _held(raw: Filed) -> int:
    """How many rows are held: some thousands of very wide ones, else as many as fit."""
    width = max(1.0, raw.bytes / max(1, raw.num_rows))
    return max(LEAST, min(CELLS // max(1, len(raw.column_names)), int(BYTES / width)))


def _places(raw: Filed) -> np.ndarray:
    """One row, by chance, of each of as many equal parts of the table, ascending."""
    count = min(_held(raw), raw.num_rows)
    chance = np.random.default_rng(SEED).random(count)
    return np.unique(((np.arange(count) + chance) * (raw.num_rows / count)).astype(np.int64))


class _Looking:
    """The rows in hand, and what all rows add up to as they explain them."""

    def __init__(self, raw: Filed, asked: Roles, dialect: Dialect | None, told: Told) -> None:
        self._raw, self._asked, self._said, self._told = raw, asked, dialect, told
        self.held, self.dialect = raw.at(_places(raw)), dialect
        self.sums: dict[str, Sum] = {}

    def settle(self) -> None:
        """Read all rows until the rows in hand explain them."""
        for _ in range(ROUNDS):
            ways = self._ways()
            again = {
                name: way for name, way in ways.items() if name not in self.sums or self.sums[name].way != way
            }
            lacking = self._read(again) if again else set[int]()
            if not lacking:
                return
            more = self._raw.at(np.array(sorted(lacking), np.int64))
            self.held = pa.concat_tables([self.held, more])

    def _ways(self) -> dict[str, Way]:
        asked, held = self._asked, self.held
        self.dialect, types = inference.typed(held, asked.target, asked.event_time, self._said)
        return {
            name: summed.way(held.column(name), name, type, asked.timezone, self.dialect)
            for name, type in types.items()
        }

    def _read(self, ways: dict[str, Way]) -> set[int]:
        """Add up these columns; returns rows that those in hand do not explain."""
        sums = {name: self._sum(way) for name, way in ways.items()}
        lacking, rows = set[int](), 0
        for piece in self._raw.pieces(list(ways)):
            for name, column in sums.items():
                lacking.update(column.add(piece.column(name)))
            rows += piece.num_rows
            self._told(rows)
        self.sums = {name: sums.get(name) or self.sums[name] for name in self._raw.column_names}
        return lacking

    def _sum(self, way: Way) -> Sum:
        some = way.read(self.held.column(way.name)).values
        return Sum(way, some, self._wants_all(way, some))

    def _wants_all(self, way: Way, some: pa.Array) -> bool:
        """Whether each value of a column is wanted in hand: classes, and those of a column that seems to have one."""
        if pa.types.is_nested(some.type) or way.type == "timestamp":
            return False
        count, words = len(some.drop_null().unique()), way.type in ("string", "boolean")
        if way.name == self._asked.target:
            return words or count <= inference.FEW_NUMBERS
        return words and count <= 1


def _verified(raw: Filed, column: Sum) -> Facts:
    """What is known of a column; whether no text of it comes twice is asked of all rows, for the contract keeps it."""
    seen = column.facts
    if (
        column.way.type != "string"
        or not seen.each_once
        or not pa.types.is_string(raw.schema.field(column.way.name).type)
    ):
        return seen
    text = f"trim({engine.name(column.way.name)}, {engine.literal(WHITE)})"
    dialect = column.way.dialect
    marks = {"", *(dialect.missing or [] if dialect is not None else [])}
    missing = ", ".join(map(engine.literal, sorted(marks)))
    again = _repeats(raw, [f"hash({text})"], f"WHERE {text} NOT IN ({missing})")
    return (
        seen
        if not again
        else Facts(seen.rows, seen.missing, distinct=seen.distinct, each_once=False, counts=seen.counts)
    )


def _hash(names: list[str]) -> str:
    return f"hash({', '.join(map(engine.name, names))})"


def _repeats(raw: Filed, what: list[str], where: str = "") -> int:
    """How many rows have the digest of an earlier one."""
    with Spread(raw.folder) as spread:
        for digests in _digests(raw, what, where):
            spread.add(digests)
        return spread.repeats()[0]


def _digests(raw: Filed, what: list[str], where: str) -> Iterator[np.ndarray]:
    """By DuckDB, which is faster at it than what makes the digests that are kept."""
    for path in raw.paths:
        with engine.engine(raw.folder, path.resolve()) as database:
            source = engine.literal(str(path.resolve()))
            query = database.sql(f"SELECT {', '.join(what)} AS h FROM read_parquet({source}) {where}")  # noqa: S608
            for batch in query.to_arrow_reader(pieces.PIECE):
                yield np.asarray(batch.column(0), np.uint64)


def _times(raw: Filed, way: Way, held: pa.Table) -> tuple[list[str], Spacing | None]:
    """What is to be said of all event times, and how far apart they lie; which are far, the rows in hand say."""
    some = way.read(held.column(way.name)).values.drop_null().cast(pa.int64())
    odd, days = spans.Odd(spans.near(np.sort(np.asarray(some)), None)), dict[int, int]()
    for piece in raw.pieces([way.name]):
        near = odd.add(pa.chunked_array([way.read(piece.column(0)).values]))
        present, rows = np.unique(spacing.days_of(near, way.timezone), return_counts=True)
        for day, count in zip(present.tolist(), rows.tolist(), strict=True):
            days[day] = days.get(day, 0) + count
    ordered = np.array(sorted(days), np.int64)
    found = spacing.counted(ordered, np.array([days[day] for day in ordered.tolist()])) if days else None
    return odd.told(way.name), found
