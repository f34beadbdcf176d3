"""An alarm by the estimate: only where one was asked for, and only where settled days say how wrong it is."""

from collections.abc import Sequence

from millrace_contracts.digits import legible
from millrace_core.database import AsyncSession
from millrace_monitoring.alarms import opening
from millrace_monitoring.alarms import queries as alarms
from millrace_monitoring.alarms.findings import AlarmFinding
from millrace_monitoring.alarms.opening import Place
from millrace_monitoring.estimates import standing
from millrace_monitoring.profiles.baseline import Baseline
from millrace_monitoring.tables import EstimatedDay, Monitor
from millrace_stats.estimates import tracking

CAUSE = "estimate"
STANDS_DAYS = 28
"""An alarm closes when the estimate has not risen anew for so many days."""


def finding(
    rows: Sequence[EstimatedDay], baseline: Baseline, false_alarms_per_year: float
) -> AlarmFinding | None:
    """What stands at the end of the days *rows* of one version, in order; None: nothing, or its error is not known."""
    told = [row for row in rows if row.item.why is None]
    judged = standing.tracked(told, baseline)
    trust = tracking.standing([day for day in judged if day is not None])
    if not trust.trusted or trust.distance is None:
        return None
    risen = tracking.risen([row.item.metrics["loss"] for row in told], judged, false_alarms_per_year)
    recent = [one for one in risen if len(told) - one.place <= STANDS_DAYS]
    if not recent:
        return None
    last = recent[-1]
    day = told[last.place].day
    reason = (
        f"version {told[last.place].version}'s loss, estimated without labels, has risen: {legible(last.expected)} on "
        f"{day}, {legible(last.reference)} on {tracking.KNOWN_DAYS} days whose labels came; it was off by "
        f"{legible(trust.distance, 2)} there"
    )
    evidence = {"day": str(day), "expected": last.expected, "reference": last.reference, "scale": last.scale}
    evidence |= {"log_value": last.log_value, "log_level": last.log_level, "held": trust.held}
    return AlarmFinding("estimate", CAUSE, reason, evidence)


def wanted(monitor: Monitor) -> bool:
    """Whether a risen estimate is an alarm."""
    policy = monitor.declared.policy.estimate
    return policy is not None and policy.enabled and policy.alarm


async def stands(session: AsyncSession, monitor: Monitor) -> bool:
    """Whether an alarm by the estimate is open."""
    unclosed = await alarms.unclosed(session, monitor.project, monitor.endpoint)
    return any(alarm.kind == "estimate" for alarm in unclosed)


async def settle(
    session: AsyncSession, monitor: Monitor, rows: Sequence[EstimatedDay], baseline: Baseline
) -> None:
    """Let the alarm stand that the estimates so far call for, or none."""
    a_year = monitor.declared.policy.performance.false_alarms_per_year
    found = finding(rows, baseline, a_year) if wanted(monitor) else None
    last = rows[-1]
    place = Place(monitor.project, monitor.endpoint, monitor.declared.loop, last.day, last.through)
    await opening.hold(session, place, "estimate", [] if found is None else [found])
