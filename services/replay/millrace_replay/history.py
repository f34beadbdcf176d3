"""A file of past rows, cut into the days of the loop's time zone."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from millrace_contracts.data import ColumnType
from millrace_contracts.loop import Spec
from millrace_contracts.tables import Dialect
from millrace_table import columns, reading, spans, tensors
from millrace_table.settling import settled

DEFAULT_REJECTS = 0.01
"""Share of lines that may be unreadable where no contract says it."""


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
    """Raw columns as they came, and the instant of each row; rows without a time or a label are left out."""

    def __init__(self, data: bytes, format: str, spec: Spec, dialect: Dialect | None = None) -> None:
        contract = spec.data.contract
        wanted = [name for name in (spec.data.event_time, spec.target) if name]
        said = (dialect or Dialect()).over(None if contract is None else contract.dialect)
        loaded = reading.load(data, format, said, wanted)
        reading.refuse_rejects(loaded, DEFAULT_REJECTS if contract is None else contract.rejects_at_most)
        raw = loaded.table
        self.dialect = settled(raw, loaded.dialect or said)
        for name in (spec.data.event_time, spec.target):
            if name not in raw.column_names:
                raise NoBacktest(f"The history has no column {name!r}.")
        self.zone = ZoneInfo(spec.data.timezone)
        moment = str(spec.data.event_time)
        zone = spec.data.timezone
        times = columns.convert(raw.column(moment), "timestamp", zone, moment, self.dialect).values
        label = raw.column(spec.target)
        kind = columns.infer(label, self.dialect) if contract is None else contract.column(spec.target).type
        labels = columns.convert(label, kind, zone, spec.target, self.dialect).values
        known = np.flatnonzero(
            times.is_valid().to_numpy(zero_copy_only=False) & labels.is_valid().to_numpy(zero_copy_only=False)
        )
        if len(known) == 0:
            raise NoBacktest("No row of the history has both an event time and a label.")
        known = known[~spans.far(times.take(known))]
        order = known[np.argsort(times.take(known).cast(pa.int64()).to_numpy(), kind="stable")]
        self.raw = raw.take(order)
        self.times: np.ndarray = times.take(order).cast(pa.int64()).to_numpy()
        self.labels: list[bool | int | float | str] = labels.take(order).to_pylist()

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

    def parquet(self, before: datetime) -> bytes:
        """The rows before an instant, as a Parquet file."""
        sink = io.BytesIO()
        pq.write_table(self.raw.slice(0, int(np.searchsorted(self.times, _micros(before)))), sink)
        return sink.getvalue()

    def typed(self, kinds: dict[str, ColumnType], timezone: str) -> pa.Table:
        """The columns named in *kinds* (the dataset's schema), each in its type."""
        names = [name for name in self.raw.column_names if name in kinds]
        made = {
            name: columns.convert(
                raw, kinds[name], timezone, name, self.dialect, shape=tensors.shape_of(raw.type)
            ).values
            for name, raw in ((name, self.raw.column(name)) for name in names)
        }
        return pa.table(made)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
