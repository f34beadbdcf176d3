"""A judged day that is not written yet, and the days that follow from it in memory: production's rules, once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from millrace_monitoring.closing import states
from millrace_monitoring.closing.day import Given, Judged, close
from millrace_monitoring.closing.gaps import empty_span
from millrace_monitoring.closing.preparing import Prepared, carried
from millrace_monitoring.closing.rows import Rows
from millrace_monitoring.closing.stretch import Stretch, next_day
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.monitors.watermark import Day


@dataclass(frozen=True)
class Shut:
    """What a day was judged by, and what that came to."""

    given: Given
    prepared: Prepared
    judged: Judged


def judge(stretch: Stretch, day: Day, rows: Rows, prepared: Prepared, graphs: Graphs) -> Shut:
    """Judge one day (CPU work: in a thread; every version's graph must be loaded)."""
    given = Given(
        stretch.monitor.declared,
        day,
        rows,
        prepared.versions,
        prepared.states,
        prepared.window,
        prepared.gathered,
        prepared.plan,
    )
    return Shut(given, prepared, close(given, graphs))


def following(stretch: Stretch, last: Shut, since: date | None, graphs: Graphs) -> Iterator[Shut]:
    """The days of the stretch behind *last*, each judged by what the one before it leaves behind (CPU work).

    Args:
        since: the last closed day with rows, as of *last*.
    """
    while (due := _next(stretch, last, since)) is not None:
        day, rows = due
        before = last.given.day.date
        left = states.load(states.dump(last.judged.states))
        last = judge(stretch, day, rows, carried(last.prepared, before, left, last.judged.profile), graphs)
        since = day.date if len(rows) else since
        yield last


def _next(stretch: Stretch, last: Shut, since: date | None) -> tuple[Day, Rows] | None:
    """The day behind *last* with its rows, or the span without any; None when it reaches beyond the stretch."""
    day = next_day(stretch.monitor, last.given.day.end)
    if day.end > stretch.through:
        return None
    rows = stretch.rows(day)
    if len(rows.table) == 0:
        day = empty_span(day, since, stretch.following(day.end), stretch.zone)
    return None if day.end > stretch.through else (day, rows)
