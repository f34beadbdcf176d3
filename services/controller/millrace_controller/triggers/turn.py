"""Since when the world is another one, as an alarm of performance tells it: the days by which its run is to judge."""

from datetime import date, datetime, timedelta

from millrace_contracts import durations
from millrace_contracts.closings import OpenedAlarm
from millrace_contracts.loop import Spec
from millrace_stats.performance import SINCE_DAYS

CAUSE = "performance"
"""Of the alarm about all rows; one about a slice says nothing of the others."""


def since(spec: Spec, alarm: OpenedAlarm, through: datetime) -> date | None:
    """First day since the change that *alarm* has found, in the loop's zone.

    None: it tells none, the change lies before the holdout (so that all of that is judged, as ever), or blocks are no
    days. Days without labels move the first day forwards: it may be too late, and is never too early for that.
    """
    rising = alarm.evidence.get("rising")
    if alarm.cause != CAUSE or alarm.opened_day is None or not isinstance(rising, int) or rising < 1:
        return None
    held = spec.holdout_days()
    if held is None or spec.data.event_time is None or spec.gates.champion.block not in (None, "day"):
        return None
    end = durations.local(through, spec.data.timezone).date()
    first = min(alarm.opened_day - timedelta(days=rising - 1), end - timedelta(days=SINCE_DAYS))
    return first if first > end - timedelta(days=held) else None
