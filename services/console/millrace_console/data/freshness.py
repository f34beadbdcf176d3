"""Whether the rows of a dataset are fresh, by what its loop and its contract declare: sentences, the faults apart."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from millrace_contracts import durations
from millrace_contracts.calendars import Calendar
from millrace_contracts.counting import counted
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.loop import Spec
from millrace_contracts.pulls import SourceRead

TURNS = {"week": timedelta(days=7), "month": timedelta(days=31)}
UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60))


@dataclass
class Freshness:
    """*told*: what came when, and what is wanted; *late*: what is not as it is declared, nothing if all is well."""

    told: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    judged: bool = False
    """Whether anything is declared by which rows could be late."""


def freshness(
    spec: Spec | None,
    source: SourceRead | None,
    newest: DatasetVersionRead | None,
    settled: datetime | None,
    now: datetime,
) -> Freshness:
    """Of the newest version of a dataset.

    Args:
        settled: event time through which the loop has decided; None: it has no event time, or no day has closed.
        now: by the clock.
    """
    found = Freshness()
    if newest is not None:
        found.told.append(_came(newest, now))
    _rows(found, spec, newest)
    _source(found, source, now)
    if spec is not None:
        _turn(found, spec, newest, settled)
    return found


def _came(newest: DatasetVersionRead, now: datetime) -> str:
    said = f"The last delivery came {ago(now - newest.created_at)}"
    if newest.last_event is None:
        return f"{said}; its rows have no event time."
    return f"{said}; rows reach up to {newest.last_event:%Y-%m-%d} in event time."


def _rows(found: Freshness, spec: Spec | None, newest: DatasetVersionRead | None) -> None:
    least = _minimum(newest)
    if least is not None and newest is not None:
        found.told.append(f"A run wants at least {counted(least, 'row')} in all; there are {newest.rows:,}.")
        found.judged = True
        if newest.rows < least:
            found.late.append(
                f"{counted(least - newest.rows, 'row')} more have to come before a run can learn."
            )
    if spec is not None and spec.triggers.new_data is not None:
        found.told.append(
            f"{counted(spec.triggers.new_data.rows, 'new row opens', 'new rows open')} a run by themselves."
        )


def _minimum(newest: DatasetVersionRead | None) -> int | None:
    """Rows that the contract wants in all."""
    rows = ((newest.contract if newest is not None else None) or {}).get("rows")
    least = rows.get("minimum") if isinstance(rows, dict) else None
    return least if isinstance(least, int) else None


def _source(found: Freshness, source: SourceRead | None, now: datetime) -> None:
    """A source that is looked at by itself is late where a look failed, or did not come for a whole turn."""
    if source is None or source.every is None:
        return
    found.judged = True
    found.told.append(f"Its source is looked at every {source.every}.")
    if source.failures:
        found.late.append(
            f"The last {counted(source.failures, 'look')} at its source failed: {source.message}"
        )
    elif source.next_at is not None and now - source.next_at > durations.parse(source.every):
        found.late.append(f"Its source was to be looked at {ago(now - source.next_at)}, and was not.")


def _turn(found: Freshness, spec: Spec, newest: DatasetVersionRead | None, settled: datetime | None) -> None:
    """By a schedule rows are late that lie further back than a turn and the delay of labels."""
    turn = _period(spec)
    if turn is None or spec.data.event_time is None:
        return
    found.judged = True
    delay = durations.parse(spec.data.label_delay)
    found.told.append(
        f"A run opens every {durations.words(turn)} of event time, and wants rows since the last one."
    )
    last = newest.last_event if newest is not None else None
    if last is not None and settled is not None and settled - last > turn + delay:
        found.late.append(
            f"The loop has come to {settled:%Y-%m-%d}, and no row is of the {counted((settled - last).days, 'day')} "
            "before: a run now would learn nothing new."
        )


def _period(spec: Spec) -> timedelta | None:
    """The longest time between two runs that are declared."""
    schedule, calendar = spec.triggers.schedule, spec.triggers.calendar
    if isinstance(schedule, str):
        calendar = Calendar.spoken(schedule)
        if calendar is None:
            return durations.parse(schedule)
    return None if calendar is None else TURNS[calendar.every]


def ago(span: timedelta) -> str:
    """Like `3 days ago`, in the largest unit of which there is one; `just now` below a minute."""
    seconds = span.total_seconds()
    for unit, length in UNITS:
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "just now"
