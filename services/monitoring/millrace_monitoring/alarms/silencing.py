"""What people say of an alarm: that they have seen it, and until when nobody is told of it. Loops act all the same."""

from datetime import datetime, timedelta

from millrace_contracts.alarms import SILENCE_DAYS, SilenceWrite
from millrace_contracts.decisions import Kind, decision
from millrace_core.auth import Actor
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import BadInput, Conflict, FieldError
from millrace_core.names import shortened
from millrace_core.outbox import decide
from millrace_core.reconcile import run_forever
from millrace_monitoring.alarms import queries
from millrace_monitoring.alarms.opening import SUBJECT
from millrace_monitoring.alarms.states import AlarmPhase
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Alarm, Outbox

OURS, SECONDS = "monitoring", 15.0
"""Who ends a silence that runs out, and seconds between two looks for one."""
WHO = 100
"""Characters of a person's name that an alarm has room for: a provider's people may have longer ones."""


async def acknowledge(session: AsyncSession, alarm: Alarm, who: Actor) -> None:
    """Say that a person has seen it; the first one stays. Raises: Conflict when it is closed."""
    if await queries.acknowledge(session, alarm, shortened(who.person, WHO)):
        words = f"{alarm.cause} was seen by {who.person}."
        await _tell(session, alarm, "alarm.acknowledged", "acknowledged", who.author, words)


async def silence(session: AsyncSession, alarm: Alarm, asked: SilenceWrite, who: Actor) -> None:
    """Tell people nothing of it until then; asked again, the newest word holds.

    Raises: Conflict when it is closed; BadInput for a moment that has passed or is too far off.
    """
    _open(alarm)
    now = utcnow()
    if not now < asked.until <= now + timedelta(days=SILENCE_DAYS):
        what = f"{asked.until.isoformat()} is not within the next {SILENCE_DAYS} days"
        raise BadInput(
            f"The silence ends at a wrong time: {what}.", [FieldError("until", what, "name a moment in it")]
        )
    alarm.silenced_until, alarm.silenced_by, alarm.silence_reason = (
        asked.until,
        shortened(who.person, WHO),
        asked.reason,
    )
    words = f"Nobody is told of {alarm.cause} until {asked.until:%Y-%m-%d %H:%M %Z}: {asked.reason}"
    await _tell(session, alarm, "alarm.silenced", "silenced", who.author, words)


async def unsilence(session: AsyncSession, alarm: Alarm, who: Actor) -> None:
    """Tell people of it again. Raises: Conflict when it is closed."""
    _open(alarm)
    if alarm.silenced_until is None:
        return
    alarm.silenced_until = alarm.silenced_by = alarm.silence_reason = None
    words = f"People are told of {alarm.cause} again: {alarm.reason}"
    await _tell(session, alarm, "alarm.silenced", "ended", who.author, words)


async def run_out_forever(services: Services) -> None:
    """Background task."""
    await run_forever("silences", lambda: run_out(services), every=SECONDS)


async def run_out(services: Services) -> None:
    """End the silences whose time is over: of an alarm that still stands people are told from then on."""
    async with services.sessions.begin() as session:
        for alarm in await queries.run_out(session, utcnow()):
            words = f"The silence of {alarm.cause} has run out, and it still stands: {alarm.reason}"
            alarm.silenced_until = alarm.silenced_by = alarm.silence_reason = None
            await _tell(session, alarm, "alarm.silenced", "ended", OURS, words)


def _open(alarm: Alarm) -> None:
    if alarm.state == AlarmPhase.CLOSED:
        raise Conflict("The alarm is closed; when its cause comes back, it is another.")


async def _tell(
    session: AsyncSession, alarm: Alarm, kind: Kind, outcome: str, author: str, reason: str
) -> None:
    now = utcnow()
    made = decision(
        project=alarm.project, loop=alarm.endpoint, kind=kind,
        subject=shortened(f"{alarm.endpoint}/{alarm.cause}", SUBJECT), outcome=outcome, event_time=None, at=now,
        author=author, reason=reason[:2000], measured={"alarm": alarm.id, "until": _iso(alarm.silenced_until)},
    )  # fmt: skip
    await session.flush()
    await decide(session, Outbox, made)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
