"""How far a cursor has come: one value with its type, as a text that the registry keeps."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa

from millrace_contracts import durations
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.sources import SqlSource
from millrace_training.runtime.errors import JobError

Value = int | str | date | datetime
AHEAD, BEHIND = timedelta(hours=14), timedelta(hours=12)
"""How far clocks without a zone may be from UTC."""
WRITTEN = r"^\d{4}-\d\d-\d\d(?!\d)"
"""How a text begins that is a time."""


@dataclass(frozen=True)
class Mark:
    """A value of the cursor column."""

    value: Value

    def text(self) -> str:
        """As the registry keeps it, like `time:2026-11-29T10:00:00+00:00`."""
        if isinstance(self.value, datetime | date):
            return f"{_kind(self.value)}:{self.value.isoformat()}"
        return f"{_kind(self.value)}:{self.value}"

    def array(self) -> pa.Array:
        """As a driver takes it."""
        if isinstance(self.value, datetime):
            zone = None if self.value.tzinfo is None else "UTC"
            return pa.array([self.value], pa.timestamp("us", zone))
        return pa.array([self.value])

    def is_behind(self, other: "Mark") -> bool:
        """Whether this value is the later one. Raises: JobError where the column has changed its type."""
        mine, theirs = self.value, other.value
        if isinstance(mine, int) and isinstance(theirs, int):
            return mine > theirs
        if isinstance(mine, str) and isinstance(theirs, str):
            return mine > theirs
        if (
            isinstance(mine, datetime)
            and isinstance(theirs, datetime)
            and (not mine.tzinfo) == (not theirs.tzinfo)
        ):
            return mine > theirs
        if type(mine) is date and type(theirs) is date:
            return mine > theirs
        raise JobError(
            "The cursor has changed",
            f"It was {other.text()}, now it is {self.text()}.",
            "Name another cursor, or cast it in the query; what is in the dataset already counts once.",
        )

    def is_to_come(self, now: datetime) -> bool:
        """Whether it is a time later than *now*, whatever the zone that it does not say."""
        value = _moment(self.value) if isinstance(self.value, str) else self.value
        if isinstance(value, datetime):
            return value > now if value.tzinfo else value > now.replace(tzinfo=None) + AHEAD
        return isinstance(value, date) and value > (now + AHEAD).date()

    def by(self, now: datetime) -> "Mark":
        """The mark; one that is to come as *now* in its form, or some hours before where no zone is said."""
        if not self.is_to_come(now):
            return self
        clock = now.replace(tzinfo=None, microsecond=0) - BEHIND
        if isinstance(self.value, str):
            return Mark(_as_written(clock, self.value))
        if isinstance(self.value, datetime):
            return Mark(now if self.value.tzinfo else clock)
        return Mark(clock.date())

    def back(self, source: SqlSource) -> "Mark":
        """The mark from which rows are read again. Raises: JobError where the cursor's type has no such step."""
        lasts = durations.parse(source.look_back)
        value = self.value
        if isinstance(value, int):
            if lasts:
                raise _no_step(source, "a whole number", "lookBackSteps")
            return Mark(value - source.look_back_steps)
        if source.look_back_steps:
            raise _no_step(source, "no whole number", "lookBack")
        return Mark(_earlier(source, value, lasts)) if lasts else self


def _earlier(source: SqlSource, value: str | date | datetime, lasts: timedelta) -> Value:
    if not isinstance(value, str):
        return value - lasts
    moment = _moment(value)
    if moment is None:
        raise _no_step(source, "a text that is no time", "no lookBack")
    return _as_written(moment - lasts, value)


def _moment(text: str) -> datetime | None:
    """The time that a text is, if it is written so that texts sort like times."""
    try:
        return datetime.fromisoformat(text) if re.match(WRITTEN, text) else None
    except ValueError:
        return None


def _as_written(moment: datetime, like: str) -> str:
    """A time in the form of another one."""
    if len(like) == len("2026-11-29"):
        return moment.date().isoformat()
    return moment.isoformat(sep=like[10] if len(like) > 10 else "T")


def _no_step(source: SqlSource, what: str, mend: str) -> JobError:
    return JobError("A cursor has no such look-back", f"{source.cursor} is {what}.", f"Use {mend}.")


def parse(text: str) -> Mark:
    """What `text()` wrote."""
    kind, _, value = text.partition(":")
    if kind == "integer":
        return Mark(int(value))
    if kind == "date":
        return Mark(date.fromisoformat(value))
    return Mark(datetime.fromisoformat(value)) if kind == "time" else Mark(value)


def reached(origin: RowsOrigin | None, now: datetime) -> Mark | None:
    """From where a source is read on behind a delivery; None: from its beginning.

    The cursor of a row of a time to come would hide all rows that come until then. So it counts as the moment at
    which it was read, or, of an older delivery, as *now*.
    """
    if origin is None or not origin.cursor:
        return None
    return parse(origin.cursor).by(origin.until or now)


def last(column: pa.ChunkedArray, name: str) -> Mark:
    """Of the last row. Raises: JobError for a type in which nothing is before or behind something."""
    try:
        value = column[-1].as_py()
    except (ValueError, OverflowError):
        seen = f"{name} holds a time of no year from 1 to 9999."
        mend = "Leave such rows out by a query, or name another cursor."
        raise JobError("A cursor cannot be used", seen, mend) from None
    if isinstance(value, bool) or not isinstance(value, int | str | date | datetime):
        raise JobError(
            "A cursor cannot be used",
            f"{name} holds {column.type}.",
            "Use a time, a date, a whole number or a text; a query can cast it, like CAST(id AS bigint).",
        )
    return Mark(value)


def _kind(value: Value) -> str:
    if isinstance(value, datetime):
        return "time"
    return {int: "integer", date: "date"}.get(type(value), "text")
