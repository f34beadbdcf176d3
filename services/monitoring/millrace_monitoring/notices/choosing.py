"""Which channels tell of a loop: its own, its project's, the installation's; of one name the nearest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from millrace_contracts.notices import Channel, NamedChannel, Scope
from millrace_core.database import AsyncSession
from millrace_monitoring.notices import queries
from millrace_monitoring.notices.stored import queries as stored
from millrace_monitoring.notices.tables import Message, ProjectChannel, Subscription
from millrace_monitoring.settings import MonitoringSettings

Shared = dict[str, list[ProjectChannel]]


@dataclass(frozen=True)
class Chosen:
    """A channel, its name and whose it is."""

    name: str
    scope: Scope
    channel: Channel


async def of_loop(
    session: AsyncSession, settings: MonitoringSettings, project: str, loop: str
) -> dict[str, Chosen]:
    """The channels of a loop by name; of one that nobody may be told of: its project's.

    A loop that is gone keeps its own as long as messages of it are on their way.
    """
    found = await queries.last_subscription(session, project, loop)
    shared = (await stored.channels(session, project))[0]
    return chosen(settings, shared, found)


async def of_message(session: AsyncSession, settings: MonitoringSettings, message: Message) -> Chosen | None:
    """The channel by which a message goes; None if there is none any more."""
    former = await queries.former(session, message.project, message.loop, message.channel)
    if former is not None:
        return Chosen(message.channel, cast(Scope, former.scope), former.channel)
    return (await of_loop(session, settings, message.project, message.loop)).get(message.channel)


async def of_project(session: AsyncSession, settings: MonitoringSettings, project: str) -> dict[str, Chosen]:
    """Channels of the project and of the installation, by name."""
    return chosen(settings, (await stored.channels(session, project))[0], None)


def chosen(
    settings: MonitoringSettings, shared: Iterable[ProjectChannel], subscription: Subscription | None
) -> dict[str, Chosen]:
    """The channels by name; the nearest one of a name."""
    own: list[NamedChannel] = [] if subscription is None else subscription.notify.channels
    found: dict[str, Chosen] = {}
    if subscription is None or subscription.notify.inherit:
        found |= {one.name: Chosen(one.name, "installation", one) for one in settings.notify_channels}
        found |= {one.name: Chosen(one.name, "project", one.channel) for one in shared}
    return found | {one.name: Chosen(one.name, "loop", one) for one in own}
