"""Channels, and how telling goes, as they are shown."""

from collections.abc import Iterable

from millrace_contracts.messages import ChannelRead, SubscriptionStanding
from millrace_contracts.notices import Channel
from millrace_monitoring.channels import sending
from millrace_monitoring.notices.choosing import Chosen
from millrace_monitoring.notices.loads.queries import Load
from millrace_monitoring.notices.stored.queries import Unreadable
from millrace_monitoring.notices.tables import Subscription
from millrace_monitoring.services import Services

Loads = dict[tuple[str, str, str], Load]


def standing(
    services: Services,
    item: Subscription,
    known: Iterable[Chosen],
    loads: Loads,
    aside: int,
    lacking: list[Unreadable],
) -> SubscriptionStanding:
    told = [shown(services, item.project, one, item.loop, loads) for one in known]
    mine = [(one, loads.get((item.project, item.loop, one.name), Load())) for one in told]
    wrong = [f"{one.name} ({one.kind}): {_wrong(one, load)}" for one, load in mine if _wrong(one, load)]
    wrong += [f"{one.name} cannot be read as it is stored ({one.why}): set it again" for one in lacking]
    if aside:
        wrong.insert(0, f"{aside} of its decisions could be told to nobody (millrace notify aside)")
    return SubscriptionStanding(
        project=item.project,
        loop=item.loop,
        channels=len(told),
        waiting=sum(load.tried for _, load in mine),
        undelivered=sum(load.undelivered for _, load in mine),
        set_aside=aside,
        words=(wrong[0] if wrong else "")[:500],
    )


def unread(item: Unreadable, aside: int) -> SubscriptionStanding:
    """How it stands of a loop whose own word on who is told nobody can read: nobody is told of it."""
    words = f"who is told of it cannot be read as it is stored ({item.why}): apply the loop's document again"
    return SubscriptionStanding(
        project=item.project,
        loop=item.name,
        channels=0,
        waiting=0,
        undelivered=0,
        set_aside=aside,
        words=words,
    )


def _wrong(channel: ChannelRead, load: Load) -> str:
    if channel.problem:
        return channel.problem
    if load.undelivered:
        return f"{load.undelivered} could not be delivered, the last because: {load.answer}"
    return f"{load.tried} on another try, after: {load.answer}" if load.tried else ""


def shown(services: Services, project: str, chosen: Chosen, loop: str | None, loads: Loads) -> ChannelRead:
    channel = chosen.channel
    mine = [
        load
        for (of, told, name), load in loads.items()
        if (of, name) == (project, chosen.name) and loop in (None, told)
    ]
    return ChannelRead(
        name=chosen.name,
        scope=chosen.scope,
        loop=loop if chosen.scope == "loop" else None,
        kind=channel.kind(),
        to=channel.told(),
        tell=list(channel.topics()),
        problem=sending.problem(channel, chosen.scope, project, services.settings),
        waiting=sum(load.waiting for load in mine),
        undelivered=sum(load.undelivered for load in mine),
        channel=Channel.model_validate(channel.model_dump(by_alias=True, exclude={"name"})),
    )
