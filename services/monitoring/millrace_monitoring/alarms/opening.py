"""What a closed day does to the alarms: opened once, counted while they last, closed when they are over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from millrace_contracts.alarms import AlarmKind
from millrace_contracts.closings import OpenedAlarm
from millrace_contracts.counting import counted
from millrace_contracts.decisions import Decision, decision, decision_id, rounded
from millrace_core.database import AsyncSession, utcnow
from millrace_core.names import shortened
from millrace_core.outbox import decide
from millrace_monitoring.alarms import queries
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.alarms.states import AlarmPhase
from millrace_monitoring.tables import Alarm, Outbox

SUBJECT = 200
"""Characters of what a decision is about."""


ACTED_ON: tuple[AlarmKind, ...] = ("performance", "drift", "quality")
"""Kinds that closed days find, and loops may open runs for."""


@dataclass(frozen=True)
class Applied:
    """The alarms that a day opened, and all that are open at its end."""

    opened: list[Alarm]
    open: list[Alarm]

    def newest(self) -> list[Alarm]:
        """Of each kind that closed days find, the open alarm that was opened last; the first by cause of several."""
        by_age = sorted(self.open, key=lambda alarm: (-alarm.opened_day.toordinal(), alarm.cause))
        first = (next((alarm for alarm in by_age if alarm.kind == kind), None) for kind in ACTED_ON)
        return [alarm for alarm in first if alarm is not None]


@dataclass(frozen=True)
class Place:
    """Whose alarms, and when."""

    project: str
    endpoint: str
    loop: str
    day: date
    through: datetime
    timed: bool = True
    """Whether that is event time; else it is the clock's, which no replay of the data reproduces."""


async def apply(
    session: AsyncSession,
    place: Place,
    findings: Sequence[AlarmFinding],
    endings: Collection[Ending],
    unclosed: Sequence[Alarm] | None = None,
) -> Applied:
    """Open, count and close alarms in this transaction, with their decisions.

    Args:
        endings: what ends today unless a finding repeats its cause.
        unclosed: the alarms that are open before the day, where this transaction knows them; None: as stored.
    """
    if unclosed is None:
        unclosed = await queries.unclosed(session, place.project, place.endpoint)
    open_ones = {alarm.cause: alarm for alarm in sorted(unclosed, key=lambda alarm: alarm.cause)}
    causes = {finding.cause for finding in findings}
    for cause, alarm in open_ones.items():
        if cause not in causes and any(ending.covers(alarm.kind, cause) for ending in endings):
            await _close(session, place, alarm)
    opened = []
    for finding in sorted(findings, key=lambda item: item.cause):
        if finding.cause in open_ones:
            open_ones[finding.cause].count += 1
            open_ones[finding.cause].last_day = place.day
        else:
            opened.append(await _open(session, place, finding))
    await session.flush()
    still = [alarm for alarm in open_ones.values() if alarm.state != AlarmPhase.CLOSED]
    return Applied(opened, still + opened)


async def hold(
    session: AsyncSession, place: Place, kind: AlarmKind, findings: Sequence[AlarmFinding]
) -> list[Alarm]:
    """Let exactly these findings of a kind stand; told again, nothing changes. Returns the alarms that stand.

    A finding whose alarm of the same moment is over already comes late: it stays over.
    """
    open_ones = {
        alarm.cause: alarm
        for alarm in await queries.unclosed(session, place.project, place.endpoint)
        if alarm.kind == kind
    }
    causes = {finding.cause for finding in findings}
    for cause, alarm in open_ones.items():
        if cause not in causes:
            await _close(session, place, alarm)
    new = {_id(place, finding): finding for finding in findings if finding.cause not in open_ones}
    over = await queries.present(session, new)
    opened = [await _open(session, place, finding) for id, finding in new.items() if id not in over]
    await session.flush()
    return [alarm for cause, alarm in open_ones.items() if cause in causes] + opened


def _id(place: Place, finding: AlarmFinding) -> str:
    subject = f"{place.endpoint}/{finding.cause}"
    return decision_id(place.project, place.loop, "alarm", subject, place.through)


async def _open(session: AsyncSession, place: Place, finding: AlarmFinding) -> Alarm:
    alarm = Alarm(
        id=_id(place, finding),
        project=place.project,
        endpoint=place.endpoint,
        kind=finding.kind,
        cause=finding.cause,
        state=AlarmPhase.OPEN,
        opened_day=place.day,
        last_day=place.day,
        count=1,
        reason=finding.reason,
        evidence=rounded(finding.evidence),
        opened_at=utcnow(),
    )
    await _keep_silent(session, alarm)
    session.add(alarm)
    await decide(session, Outbox, _decision(place, alarm, "alarm.opened", AlarmPhase.OPEN, finding.reason))
    return alarm


async def _keep_silent(session: AsyncSession, alarm: Alarm) -> None:
    """A silence holds on for an alarm that is over and comes back within it."""
    before = await queries.silenced(session, alarm.project, alarm.endpoint, alarm.cause, utcnow())
    if before is not None:
        alarm.silenced_until, alarm.silenced_by = before.silenced_until, before.silenced_by
        alarm.silence_reason = before.silence_reason


async def _close(session: AsyncSession, place: Place, alarm: Alarm) -> None:
    alarm.state, alarm.closed_day, alarm.closed_at = AlarmPhase.CLOSED, place.day, utcnow()
    reason = f"{alarm.cause} is over"
    if place.timed:
        reason += f"; it was found on {counted(alarm.count, 'day')}, last on {alarm.last_day}"
    await decide(session, Outbox, _decision(place, alarm, "alarm.closed", AlarmPhase.CLOSED, reason))


def _decision(place: Place, alarm: Alarm, kind: Any, outcome: str, reason: str) -> Decision:
    where = {"alarm": alarm.id, "day": place.day.isoformat()}
    return decision(
        project=place.project,
        loop=place.loop,
        kind=kind,
        subject=shortened(f"{place.endpoint}/{alarm.cause}", SUBJECT),
        outcome=outcome,
        event_time=place.through if place.timed else None,
        at=place.through,
        author="monitoring",
        reason=reason[:2000],
        evidence=dict(alarm.evidence) | (where if place.timed else {}),
        measured={} if place.timed else where,
    )


def told(alarm: Alarm) -> OpenedAlarm:
    """The alarm for the feed."""
    return OpenedAlarm(
        id=alarm.id,
        endpoint=alarm.endpoint,
        kind=alarm.kind,
        cause=alarm.cause,
        opened_day=alarm.opened_day,
        reason=alarm.reason,
        evidence=alarm.evidence,
    )
