"""Reads the registry's decisions in order, each once, and puts what people are to be told into the outbox.

How far it has read is committed with the messages: whatever dies in between, nothing is left out or put there twice.
"""

from datetime import datetime

from millrace_contracts.decisions import DecisionRead
from millrace_contracts.messages import NoticeItem
from millrace_core.database import AsyncSession, utcnow
from millrace_core.log import log
from millrace_monitoring.aside import feed
from millrace_monitoring.aside import queries as aside
from millrace_monitoring.aside.queries import Broken
from millrace_monitoring.metrics import SET_ASIDE
from millrace_monitoring.notices import choosing, events, queries
from millrace_monitoring.notices.choosing import Chosen
from millrace_monitoring.notices.events import BEGINS, Event, Recorded
from millrace_monitoring.notices.queries import Place
from millrace_monitoring.notices.stored import queries as stored
from millrace_monitoring.notices.tables import Incident, Subscription
from millrace_monitoring.services import Services

PAGE = 200


async def read(services: Services) -> int:
    """Take the next decisions; returns how many there were. At the very first look, what was before is left alone.

    Of two readers of the same decisions one takes them, and the other none. One that cannot be read or told is set
    aside, and keeps none of the others back.
    """
    async with services.readers() as session:
        after = await queries.through(session)
    broken, page = await feed.behind(services, after, PAGE)
    if after is None or page.items or broken:
        async with services.sessions.begin() as session:
            if not await queries.move_on(session, after, page.last):
                return 0
            await set_aside(session, broken)
            for decision in page.items:
                await take(session, services, decision)
    return len(page.items) + len(broken)


async def take(
    session: AsyncSession, services: Services, decision: DecisionRead, ends_only: bool = False
) -> bool:
    """Put into the outbox what *decision* means to people, or set it aside; whether it was the former.

    ends_only: what begins or happened has been told, and only what has ended since is.
    """
    try:
        async with session.begin_nested():
            await _told(session, services, decision, ends_only)
    except Exception as error:
        if aside.may_pass(error):
            raise
        await set_aside(session, [Broken(decision.number, feed.why(error), decision.project, decision.loop)])
        return False
    return True


async def set_aside(session: AsyncSession, broken: list[Broken]) -> None:
    """Keep what cannot be told where people find it."""
    await aside.put(session, broken)
    for one in broken:
        log.error(
            "a decision is told to nobody", number=one.number, of=one.loop, project=one.project, why=one.why
        )
    if broken:
        SET_ASIDE.set(len(await aside.waiting(session)))


async def _told(session: AsyncSession, services: Services, decision: DecisionRead, ends_only: bool) -> None:
    found = [event for event in events.of(decision) if not ends_only or event.step not in BEGINS]
    loop = events.loop_of(decision)
    if not found or not loop:
        return
    subscription = await queries.subscription(session, decision.project, loop)
    if subscription is None:
        return
    shared = (await stored.channels(session, decision.project))[0]
    channels = choosing.chosen(services.settings, shared, subscription)
    for event in found:
        alarm = events.alarm_of(event)
        if alarm is not None and await queries.silent(session, alarm, utcnow()):
            continue
        await _happened(session, subscription, list(channels.values()), event, decision)


async def _happened(
    session: AsyncSession,
    subscription: Subscription,
    channels: list[Chosen],
    event: Event,
    decision: Recorded,
) -> None:
    """Keep what stands, and tell the channels that want to know."""
    project, loop = subscription.project, subscription.loop
    if event.step == "once":
        return await tell_all(session, subscription, channels, event, decision)
    if event.step == "begins":
        standing = await queries.standing(session, project, loop, event.topic)
        if events.begins_twice(event, len(standing)):
            standing[0].note = event.words
            return None
        if await queries.incident(session, project, loop, event.key) is None:
            session.add(
                Incident(project=project, loop=loop, key=event.key, topic=event.topic, note="", ended=False)
            )
            await session.flush()
            await tell_all(session, subscription, channels, event, decision)
        return None
    return await _goes_on(session, subscription, channels, event, decision)


async def _goes_on(
    session: AsyncSession,
    subscription: Subscription,
    channels: list[Chosen],
    event: Event,
    decision: Recorded,
) -> None:
    """Something of incidents that have begun: a note, or their end."""
    project, loop = subscription.project, subscription.loop
    if event.step == "over":
        stand = await queries.standing(session, project, loop, event.topic)
    else:
        known = await queries.incident(session, project, loop, event.key)
        stand = [] if known is None or known.ended else [known]
    for incident in stand:
        if event.step == "notes":
            incident.note = event.words
            continue
        incident.ended = True
        end = Event(event.topic, "ends", incident.key, event.title, event.words)
        end = events.after(end, incident.note if event.topic == "approvals" else "")
        await tell_all(session, subscription, channels, end, decision)


async def tell_all(
    session: AsyncSession,
    subscription: Subscription,
    channels: list[Chosen],
    event: Event,
    decision: Recorded,
) -> None:
    """Put *event* into a message of each channel that wants to know of it."""
    due = queries.due(subscription.notify, utcnow())
    for chosen in channels:
        if event.topic in chosen.channel.topics():
            place = Place(subscription.project, subscription.loop, chosen.name)
            await _tell(session, place, chosen, event, decision, due)


async def _tell(
    session: AsyncSession,
    place: Place,
    chosen: Chosen,
    event: Event,
    decision: Recorded,
    due: datetime,
) -> None:
    item, paged = _item(event, decision), chosen.channel.kind() == "pagerduty"
    if await queries.told(session, place, item.key, item.moment) is not None:
        return
    if item.moment == "ends":
        begun = await queries.told(session, place, item.key, "begins")
        if begun is None:
            return
        telling, earlier = begun
        if earlier is not None and await queries.untried(session, earlier):
            telling.item = telling.item.model_copy(update={"over": item.words})
            await session.flush()
            return
        if earlier is not None and earlier.state == "given-up":
            log.warning(
                "an end is not told: nobody was told of its beginning", **place.columns(), key=item.key
            )
            return
        item = item.model_copy(
            update={"answers": telling.message, "decision": item.decision or telling.item.decision}
        )
    message = await queries.open_message(session, place, due, alone=paged)
    quiet = chosen.channel.quiet_hours
    if quiet is None or item.topic in quiet.urgent:
        if not message.urgent and message.attempts == 0:
            message.next_at = min(message.next_at or due, due)
        message.urgent = True
    await queries.add(session, place, message, item)


def _item(event: Event, decision: Recorded) -> NoticeItem:
    assert event.step in ("begins", "ends", "once")
    return NoticeItem(
        topic=event.topic,
        moment=event.step,
        key=event.key,
        title=event.title[:300],
        words=event.words[:4000],
        at=decision.recorded_at,
        event_time=decision.event_time,
        decision=decision.id,
    )
