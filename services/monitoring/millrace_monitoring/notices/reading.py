"""Reads the registry's decisions in order, each once, and puts what people are to be told into the outbox.

How far it has read is committed with the messages: whatever dies in between, nothing is left out or put there twice.
"""

from datetime import datetime

from millrace_contracts.decisions import DecisionRead
from millrace_contracts.messages import NoticeItem
from millrace_core.database import AsyncSession, utcnow
from millrace_core.log import log
from millrace_monitoring.notices import choosing, events, queries
from millrace_monitoring.notices.choosing import Chosen
from millrace_monitoring.notices.events import Event
from millrace_monitoring.notices.queries import Place
from millrace_monitoring.notices.tables import Incident, Subscription
from millrace_monitoring.services import Services

PAGE = 200


async def read(services: Services) -> int:
    """Take the next decisions; returns how many there were. At the very first look, what was before is left alone.

    Of two readers of the same decisions one takes them, and the other none.
    """
    async with services.readers() as session:
        after = await queries.through(session)
    feed = await services.clients.registry.decision_feed(after, PAGE)
    if after is None or feed.items:
        async with services.sessions.begin() as session:
            if not await queries.move_on(session, after, feed.last):
                return 0
            for decision in feed.items:
                await _take(session, services, decision)
    return len(feed.items)


async def _take(session: AsyncSession, services: Services, decision: DecisionRead) -> None:
    found = events.of(decision)
    if not found or not decision.loop:
        return
    subscription = await queries.subscription(session, decision.project, decision.loop)
    if subscription is None:
        return
    shared = await queries.channels(session, decision.project)
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
    decision: DecisionRead,
) -> None:
    """Keep what stands, and tell the channels that want to know."""
    project, loop = subscription.project, subscription.loop
    if event.step == "once":
        return await _tell_all(session, subscription, channels, event, decision)
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
            await _tell_all(session, subscription, channels, event, decision)
        return None
    return await _goes_on(session, subscription, channels, event, decision)


async def _goes_on(
    session: AsyncSession,
    subscription: Subscription,
    channels: list[Chosen],
    event: Event,
    decision: DecisionRead,
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
        await _tell_all(session, subscription, channels, end, decision)


async def _tell_all(
    session: AsyncSession,
    subscription: Subscription,
    channels: list[Chosen],
    event: Event,
    decision: DecisionRead,
) -> None:
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
    decision: DecisionRead,
    due: datetime,
) -> None:
    item, paged = _item(event, decision), chosen.channel.kind() == "pagerduty"
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
        item = item.model_copy(update={"answers": telling.message})
    message = await queries.open_message(session, place, due, alone=paged)
    quiet = chosen.channel.quiet_hours
    if quiet is None or item.topic in quiet.urgent:
        if not message.urgent and message.attempts == 0:
            message.next_at = min(message.next_at or due, due)
        message.urgent = True
    await queries.add(session, place, message, item)


def _item(event: Event, decision: DecisionRead) -> NoticeItem:
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
