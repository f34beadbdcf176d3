"""What ends for people though it goes on, or with its loop: who leaves is told so, and no pager is left ringing.

A channel that is removed, or leads elsewhere, is kept under a name of its own until the ends that go by it are sent.
"""

from collections.abc import Mapping

from millrace_contracts.messages import NoticeItem
from millrace_contracts.notices import Channel
from millrace_core.database import AsyncSession, utcnow
from millrace_monitoring.notices import choosing, events, queries, reading
from millrace_monitoring.notices.choosing import Chosen
from millrace_monitoring.notices.queries import Place
from millrace_monitoring.notices.stored import queries as stored
from millrace_monitoring.notices.tables import FormerChannel, Incident, Message, Telling
from millrace_monitoring.services import Services

KEEPS_OPEN = ("pagerduty", "webhook")
"""Kinds behind which a machine keeps an incident open until it is told that it is over."""
Known = Mapping[str, Mapping[str, Chosen]]
"""Channels by name, of each loop."""


async def leave(session: AsyncSession, services: Services, project: str, loop: str) -> None:
    """The loop is there no more: what stands of it ends, and who was told of its beginning is told so."""
    subscription = await queries.subscription(session, project, loop)
    if subscription is not None:
        channels = choosing.chosen(
            services.settings, (await stored.channels(session, project))[0], subscription
        )
        for incident in await queries.standing(session, project, loop):
            event = events.with_its_loop(incident.topic, incident.key, loop)
            await reading.tell_all(
                session, subscription, list(channels.values()), event, events.Left(utcnow())
            )
    await queries.unsubscribe(session, project, loop)


async def known(session: AsyncSession, services: Services, project: str, loop: str | None = None) -> Known:
    """The channels of a loop, or of every loop of a project that people are told of."""
    shared, settings = (await stored.channels(session, project))[0], services.settings
    if loop is not None:
        mine = await queries.subscription(session, project, loop)
        return {} if mine is None else {loop: choosing.chosen(settings, shared, mine)}
    every = (await stored.subscriptions(session, project))[0]
    return {item.loop: choosing.chosen(settings, shared, item) for item in every}


async def settle(session: AsyncSession, project: str, before: Known, after: Known) -> None:
    """Tell by channels that no longer tell of a loop, or lead elsewhere now, that nothing more comes by them."""
    for loop, channels in before.items():
        left = [
            item
            for name, item in channels.items()
            if item.channel.kind() in KEEPS_OPEN and _leads(item.channel) != _leads_now(after, loop, name)
        ]
        for item in left:
            await _end_by(session, project, loop, item)


async def _end_by(session: AsyncSession, project: str, loop: str, chosen: Chosen) -> None:
    begun = [
        (incident, telling, message)
        for incident in await queries.standing(session, project, loop)
        if (told := await queries.told(session, Place(project, loop, chosen.name), incident.key, "begins"))
        for telling, message in [told]
        if message is not None and (message.state == "sent" or message.attempts > 0)
    ]
    if not begun:
        return
    former = FormerChannel(project=project, loop=loop, scope=chosen.scope, channel=chosen.channel)
    session.add(former)
    await session.flush()
    for incident, telling, message in begun:
        await _tell(session, Place(project, loop, former.name), chosen, incident, telling, message)


async def _tell(
    session: AsyncSession, place: Place, chosen: Chosen, incident: Incident, telling: Telling, begun: Message
) -> None:
    """The end of one incident there; its beginning goes with the channel, and a new one of the name knows nothing."""
    telling.channel = place.channel
    words = f"By the channel {chosen.name} nothing more is told of {place.loop}; the incident itself goes on."
    item = NoticeItem(
        topic=telling.item.topic, moment="ends", key=incident.key, title="it is over here: the channel was removed",
        words=words, at=utcnow(), event_time=None, decision=telling.item.decision, answers=begun.id,
    )  # fmt: skip
    paged = chosen.channel.kind() == "pagerduty"
    message = await queries.open_message(session, place, utcnow(), alone=paged)
    message.urgent = True
    await queries.add(session, place, message, item)


def _leads(channel: Channel) -> object:
    """Where a channel leads, whatever is told by it and when."""
    return channel.model_dump(mode="json")[channel.kind()]


def _leads_now(after: Known, loop: str, name: str) -> object:
    item = after.get(loop, {}).get(name)
    return None if item is None else _leads(item.channel)
