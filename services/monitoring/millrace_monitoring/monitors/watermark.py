"""Which day closes next, and when: days are cut in the loop's time zone, and only event time counts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from millrace_monitoring.tables import Monitor

PATIENCE = 3
"""A day whose labels stay away closes after this many label delays."""
USUAL_SHARE = 0.5
"""A day closes by itself once this part of the usual share of labels is there."""


@dataclass(frozen=True)
class Day:
    """One day of a time zone, as the span [begin, end) in UTC; or so many *days*, of which *date* is the last."""

    date: date
    begin: datetime
    end: datetime
    days: int = 1


def day_of(moment: datetime, zone: ZoneInfo) -> Day:
    """The day in which *moment* lies; 23 or 25 hours long when the clocks change."""
    local = moment.astimezone(zone).date()
    return Day(local, _midnight(local, zone), _midnight(local + timedelta(days=1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def watermark(monitor: Monitor) -> datetime | None:
    """Every event before this instant has arrived and is labelled as far as one can wait for it.

    A replay says it: rows that it sends ahead of their time tell nothing.
    """
    if monitor.declared.mode == "backtest":
        return monitor.complete_through
    delay = timedelta(seconds=monitor.declared.label_delay_seconds)
    limits = [monitor.event_time_max - delay] if monitor.event_time_max else []
    if monitor.complete_through is not None:
        limits.append(monitor.complete_through)
    return max(limits, default=None)


def is_due(monitor: Monitor, day: Day, share: float, usual: float | None) -> bool:
    """Whether *day* closes now.

    Args:
        share: part of its rows that have a label.
        usual: median share of the days before; None when there were none.
    """
    if monitor.complete_through is not None and monitor.complete_through >= day.end:
        return True
    if monitor.event_time_max is None or monitor.declared.mode == "backtest":
        return False
    delay = timedelta(seconds=monitor.declared.label_delay_seconds)
    if monitor.event_time_max - PATIENCE * delay >= day.end:
        return True
    enough = USUAL_SHARE * (1.0 if usual is None else usual)
    return monitor.event_time_max - delay >= day.end and share >= enough and share > 0
