"""A file of past rows, cut into the days of the loop's time zone; the rows of a large one stay on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace_contracts.data import ColumnType
from millrace_contracts.loop import Spec
from millrace_contracts.tables import Dialect
from millrace_table import columns, ordering, pieces, reading, spans, tensors
from millrace_table.pieces import Filed, Rows
from millrace_table.reading import Loaded
from millrace_table.settling import settled
from millrace_table.streamed import Streamed, Told
from millrace_table.ways import Look, Way, looked

DEFAULT_REJECTS = 0.01
"""Share of lines that may be unreadable where no contract says it."""
INSTANT = "\0instant"
"""A column that no file has: when each row happened, by which rows on disk are put in order."""


class NoBacktest(Exception):
    """The history cannot be replayed; the text says why and what would help."""


@dataclass(frozen=True)
class Day:
    """One day: its begin and end in UTC, and the places of its rows."""

    date: date
    begin: datetime
    end: datetime
    rows: np.ndarray


class History:
    """Raw columns as they came, and the instant of each row; rows without a time or a label are left out.

    Of a large file instants and labels alone are in memory, and for a while one column after the other.
    """

    def __init__(
        self,
        path: Path,
        format: str,
        spec: Spec,
        folder: Path,
        dialect: Dialect | None = None,
        told: Told = lambda rows: None,
    ) -> None:
        contract = spec.data.contract
        moment, zone = str(spec.data.event_time), spec.data.timezone
        said = (dialect or Dialect()).over(None if contract is None else contract.dialect)
        raw, written = _load(path, format, said, [moment, spec.target], folder, told)
        reading.refuse_rejects(written, DEFAULT_REJECTS if contract is None else contract.rejects_at_most)
        self._folder = folder
        self.dialect = settled(raw, written.dialect or said)
        for name in (moment, spec.target):
            if name not in raw.column_names:
                raise NoBacktest(f"The history has no column {name!r}.")
        self.zone = ZoneInfo(zone)
        kind = contract.column(spec.target).type if contract else self._kind(raw, spec.target)
        times = self._typed(raw, moment, "timestamp", zone)
        labels = self._typed(raw, spec.target, kind, zone)
        known = np.asarray(pc.and_(times.is_valid(), labels.is_valid()))
        if not known.any():
            raise NoBacktest("No row of the history has both an event time and a label.")
        known[known] = ~spans.far(times.filter(pa.array(known)))
        instants = np.asarray(times.filter(pa.array(known)).cast(pa.int64()))
        order = np.argsort(instants, kind="stable")
        self.times: np.ndarray = instants[order]
        self.labels: pa.ChunkedArray = labels.filter(pa.array(known)).take(pa.array(order))
        self.raw = _in_order(raw, known, times, folder)

    def _kind(self, raw: Rows, name: str) -> ColumnType:
        return columns.infer(raw.column(name), self.dialect)

    def _typed(self, raw: Rows, name: str, kind: ColumnType, zone: str) -> pa.ChunkedArray:
        """A column in its type; what does not fit is missing. Raises: Unreadable for times in mixed zones."""
        (look,) = looked(raw, [Look(Way(name, kind, None, zone, self.dialect, None))])
        look.zones.check(name)
        read = [look.way.read(piece.column(0)).values for piece in pieces.of(raw, [name])]
        return pa.chunked_array(read, columns.arrow(kind, None))

    def days(self) -> list[Day]:
        """Every day from the first row to the last, also those without rows."""
        first, last = (self._local(int(micros)).date() for micros in (self.times[0], self.times[-1]))
        return list(self._between(first, last))

    def _local(self, micros: int) -> datetime:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).astimezone(self.zone)

    def _between(self, first: date, last: date) -> Iterator[Day]:
        day = first
        while day <= last:
            begin, end = (self._midnight(moment) for moment in (day, day + timedelta(days=1)))
            places = [int(np.searchsorted(self.times, _micros(moment))) for moment in (begin, end)]
            yield Day(day, begin, end, np.arange(*places))
            day += timedelta(days=1)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def first_day(self, spec: Spec, start: date | None) -> int:
        """Place in `days` of the first day that is replayed. Raises: NoBacktest if nothing is left on a side."""
        days = self.days()
        holdout = spec.holdout_days() or 1
        place = max(2 * holdout, len(days) // 6)
        if start is not None:
            place = (start - days[0].date).days
        if not holdout < place < len(days):
            raise NoBacktest(
                f"The history has {len(days)} days from {days[0].date}; to learn from the first and replay the rest, "
                f"it needs more than {max(2 * holdout, place)}, and more than {holdout} before the first replayed one."
            )
        return place

    def parquet(self, before: datetime) -> Path:
        """The rows before an instant, as a Parquet file in the folder."""
        target, count = self._folder / "before.parquet", int(np.searchsorted(self.times, _micros(before)))
        with pq.ParquetWriter(target, self.raw.schema) as writer:
            for part in between(self.raw, 0, count):
                writer.write_table(part.cast(self.raw.schema))
        return target

    def typed(self, kinds: dict[str, ColumnType], timezone: str) -> Rows:
        """The columns named in *kinds* (the dataset's schema), each in its type; of a large history on disk."""
        fields = {
            field.name: tensors.shape_of(field.type) for field in self.raw.schema if field.name in kinds
        }
        looks = looked(
            self.raw,
            [
                Look(Way(name, kinds[name], shape, timezone, self.dialect, None))
                for name, shape in fields.items()
            ],
        )
        for look in looks:
            look.zones.check(look.way.name)
        ways = [look.way for look in looks]
        made = (
            pa.table({way.name: way.read(piece.column(way.name)).values for way in ways})
            for piece in pieces.of(self.raw, list(fields))
        )
        if isinstance(self.raw, pa.Table):
            return next(made)
        schema = pa.schema([(way.name, columns.arrow(way.type, way.shape)) for way in ways])
        return pieces.write(made, self._folder / "typed.parquet", schema)


def between(rows: Rows, first: int, last: int) -> Iterator[pa.Table]:
    """The rows from the place *first* up to before *last*, some at a time."""
    begin = 0
    for piece in pieces.of(rows):
        start, stop = max(first - begin, 0), min(last - begin, piece.num_rows)
        if start < stop:
            yield piece.slice(start, stop - start)
        begin += piece.num_rows
        if begin >= last:
            return


def at(rows: Rows, places: np.ndarray) -> pa.Table:
    """The rows at *places*, which follow one another."""
    if isinstance(rows, Filed):
        return rows.at(places)
    return rows.slice(int(places[0]), len(places)) if len(places) else rows.slice(0, 0)


def _load(
    path: Path, format: str, dialect: Dialect, wanted: list[str], folder: Path, told: Told
) -> tuple[Rows, Loaded | Streamed]:
    if not reading.is_large(path, format):
        loaded = reading.load(path, format, dialect, wanted)
        return loaded.table, loaded
    target = folder / "raw.parquet"
    streamed = reading.to_parquet(path, target, dialect, wanted, told, format)
    return Filed([target]), streamed


def _in_order(raw: Rows, known: np.ndarray, times: pa.ChunkedArray, folder: Path) -> Rows:
    """The *known* rows in the order of their *times*; those of one instant as they came."""
    if isinstance(raw, pa.Table):
        timed = ordering.ordered(raw.append_column(INSTANT, times).filter(pa.array(known)), INSTANT)
        assert isinstance(timed, pa.Table)
        return timed.drop_columns([INSTANT])
    schema = raw.schema.append(pa.field(INSTANT, times.type))
    kept = pieces.write(_kept(raw, known, times), folder / "kept.parquet", schema)
    _forget(raw)
    ordered = ordering.ordered(kept, INSTANT)
    assert isinstance(ordered, Filed)
    if ordered.paths != kept.paths:
        _forget(kept)
    return Filed(ordered.paths, raw.schema)


def _forget(rows: Filed) -> None:
    """Give back the room of rows that lie in order elsewhere."""
    for path in rows.paths:
        path.unlink()


def _kept(raw: Filed, known: np.ndarray, times: pa.ChunkedArray) -> Iterator[pa.Table]:
    first = 0
    for piece in raw.pieces():
        here = slice(first, first + piece.num_rows)
        timed = piece.append_column(INSTANT, times.slice(first, piece.num_rows))
        first += piece.num_rows
        yield timed.filter(pa.array(known[here]))


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
