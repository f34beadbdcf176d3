"""Channels, who is told of a loop, and messages, over HTTP."""

import uuid
from collections import Counter
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from millrace_contracts.messages import (
    ChannelRead,
    MessageRead,
    MessageState,
    NoticeItem,
    SetAsideRead,
    SubscriptionStanding,
    TestAnswer,
)
from millrace_contracts.notices import MOST_CHANNELS, Channel, SubscriptionWrite, undeliverable
from millrace_core.auth import permit
from millrace_core.database import AsyncSession, Session, utcnow
from millrace_core.errors import BadInput, Conflict, FieldError, NotFound
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate
from millrace_monitoring.aside import queries as set_aside
from millrace_monitoring.aside.tables import SetAside
from millrace_monitoring.channels import letter as letters
from millrace_monitoring.channels import sending
from millrace_monitoring.channels.letter import Letter
from millrace_monitoring.notices import choosing, controller, leaving, queries, rereading, showing
from millrace_monitoring.notices.choosing import Chosen
from millrace_monitoring.notices.loads import queries as channel_loads
from millrace_monitoring.notices.stored import queries as stored
from millrace_monitoring.notices.tables import Message
from millrace_monitoring.services import CurrentServices, Services

router = APIRouter(prefix="/v1", tags=["notices"])
READ, WRITE = permit("monitoring.channels.read"), permit("monitoring.channels.write")
TOLD = permit("monitoring.subscriptions.write")
Id = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
LoopIn = Annotated[Name | None, Query(description="Only what tells of this loop.")]


@router.put("/channels/{name}", dependencies=[WRITE], response_model=ChannelRead)
async def put_channel(
    name: Name, body: Channel, project: Project, session: Session, services: CurrentServices
) -> ChannelRead:
    """Tell people of every loop of the project by this channel; what it lacks here is said as its problem."""
    nowhere = undeliverable([body])
    if nowhere:
        mistake = FieldError(
            "email.to", f"no mail can go to {nowhere[0]}", "name an address like team@example.org"
        )
        raise BadInput(f"{mistake.where}: {mistake.what}.", [mistake])
    known = {item.name for item in (await stored.channels(session, project))[0]}
    if name not in known and len(known) >= MOST_CHANNELS:
        raise Conflict(f"The project {project} has {MOST_CHANNELS} channels already; delete one first.")
    problem = sending.problem(body, "project", project, services.settings)
    if problem is not None and body.webhook is not None and problem.startswith("the address"):
        raise BadInput(f"The URL: {problem}.")
    before = await leaving.known(session, services, project)
    await stored.put_channel(session, project, name, body)
    await leaving.settle(session, project, before, await leaving.known(session, services, project))
    loads = await channel_loads.loads(session, utcnow(), project)
    return showing.shown(services, project, Chosen(name, "project", body), None, loads)


@router.get("/channels", dependencies=[READ], response_model=list[ChannelRead])
async def list_channels(
    project: Project, session: Session, services: CurrentServices, loop: LoopIn = None
) -> list[ChannelRead]:
    """Channels of the project, of its loops and of the installation; of one loop: those that tell of it."""
    loads = await channel_loads.loads(session, utcnow(), project)
    if loop is not None:
        known = await choosing.of_loop(session, services.settings, project, loop)
        return [showing.shown(services, project, item, loop, loads) for item in known.values()]
    shared = await choosing.of_project(session, services.settings, project)
    own = [
        (item.loop, Chosen(channel.name, "loop", channel))
        for item in (await stored.subscriptions(session, project))[0]
        for channel in item.notify.channels
    ]
    told = [showing.shown(services, project, item, None, loads) for item in shared.values()]
    return told + [showing.shown(services, project, item, of, loads) for of, item in own]


@router.get("/channels/{name}", dependencies=[READ], response_model=ChannelRead)
async def get_channel(
    name: Name, project: Project, session: Session, services: CurrentServices
) -> ChannelRead:
    """One channel of the project or of the installation."""
    known = await choosing.of_project(session, services.settings, project)
    if name not in known:
        raise NotFound(f"The project {project} has no channel '{name}'.")
    return showing.shown(
        services, project, known[name], None, await channel_loads.loads(session, utcnow(), project)
    )


@router.delete("/channels/{name}", status_code=204, response_class=Response, dependencies=[WRITE])
async def remove_channel(name: Name, project: Project, session: Session, services: CurrentServices) -> None:
    """Tell nobody by it any more; what is on its way by it is given up, and what a machine keeps open there ends."""
    before = await leaving.known(session, services, project)
    await stored.remove_channel(session, project, name)
    await leaving.settle(session, project, before, await leaving.known(session, services, project))


@router.post("/channels:test", dependencies=[WRITE], response_model=list[TestAnswer])
async def try_channels(
    project: Project,
    session: Session,
    services: CurrentServices,
    loop: LoopIn = None,
    channel: Annotated[Name | None, Query(description="Only this channel.")] = None,
) -> list[TestAnswer]:
    """Send a message that says that it is a test, at once, and say what each other side answered."""
    if loop is not None and await queries.subscription(session, project, loop) is None:
        raise NotFound(
            f"Nobody can be told of a loop '{loop}' of the project {project}: there is none, or not yet."
        )
    if loop is None:
        known = await choosing.of_project(session, services.settings, project)
    else:
        known = await choosing.of_loop(session, services.settings, project, loop)
    if channel is not None and channel not in known:
        raise NotFound(f"There is no channel '{channel}' here; there are: {', '.join(known) or 'none'}.")
    asked = [known[channel]] if channel is not None else list(known.values())
    await session.commit()
    return [await _tested(services, project, loop or "no-loop", item) for item in asked]


async def _tested(services: Services, project: str, loop: str, chosen: Chosen) -> TestAnswer:
    settings = services.settings
    letter = Letter(
        id=str(uuid.uuid4()), project=project, loop=loop, channel=chosen.name, items=(), test=True,
        link=letters.link(settings.console_url, project, loop, ()), command=letters.command(project, loop, ()),
    )  # fmt: skip
    drawn = await controller.draw(services, letter, chosen.channel)
    outcome = await sending.send(settings, chosen.channel, chosen.scope, letter, drawn)
    return TestAnswer(
        channel=chosen.name, scope=chosen.scope, kind=chosen.channel.kind(), delivered=outcome.delivered,
        answer=outcome.answer,
    )  # fmt: skip


@router.get("/messages", dependencies=[READ])
async def list_messages(
    project: Project,
    session: Session,
    loop: LoopIn = None,
    state: MessageState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[MessageRead]:
    """Messages of the last 30 days and those on their way, the newest first."""
    keys = decode(cursor, int)
    found = await queries.page(session, project, loop, state, None if keys is None else int(keys[0]), limit)
    page = paginate(found, limit, lambda message: (message.number,))
    return Page[MessageRead](items=await _read(session, page["items"]), next=page["next"])


@router.post("/messages/{id}:resend", dependencies=[WRITE], response_model=MessageRead)
async def resend_message(id: Id, project: Project, session: Session) -> MessageRead:
    """Try a message again that was given up."""
    return (await _read(session, [await queries.again(session, project, id)]))[0]


@router.put("/subscriptions/{loop}", status_code=204, response_class=Response, dependencies=[TOLD])
async def subscribe(
    loop: Name, body: SubscriptionWrite, project: Project, session: Session, services: CurrentServices
) -> None:
    """Let people be told of a loop from now on; the controller says so of every loop that is not a backtest."""
    with suppress(Conflict):  # what cannot be read is replaced
        before = await leaving.known(session, services, project, loop)
        await stored.subscribe(session, project, loop, body.notify)
        return await leaving.settle(
            session, project, before, await leaving.known(session, services, project, loop)
        )
    await stored.subscribe(session, project, loop, body.notify)


@router.delete("/subscriptions/{loop}", status_code=204, response_class=Response, dependencies=[TOLD])
async def unsubscribe(loop: Name, project: Project, session: Session, services: CurrentServices) -> None:
    """Tell nobody of it any more: what stands ends with it, and what is on its way still goes by its channels."""
    await leaving.leave(session, services, project, loop)


@router.get("/subscriptions:standing", dependencies=[READ], response_model=list[SubscriptionStanding])
async def standing(session: Session, services: CurrentServices) -> list[SubscriptionStanding]:
    """How telling goes for every loop of every project that somebody is told of."""
    loads, (shared, strange) = await channel_loads.loads(session, utcnow()), await stored.channels(session)
    aside = Counter((item.project, item.loop) for item in await set_aside.waiting(session))
    read, wrong = await stored.subscriptions(session)
    found = [
        (
            item,
            choosing.chosen(services.settings, (one for one in shared if one.project == item.project), item),
            [one for one in strange if one.project == item.project and item.notify.inherit],
        )
        for item in read
    ]
    told = [
        showing.standing(services, item, known.values(), loads, aside[item.project, item.loop], lacking)
        for item, known, lacking in found
        if known or lacking
    ]
    return told + [showing.unread(item, aside[item.project, item.name]) for item in wrong]


@router.get("/set-aside", dependencies=[READ], response_model=list[SetAsideRead])
async def list_set_aside(session: Session) -> list[SetAside]:
    """Decisions of all projects of which nobody could be told, and why; they are read again every hour."""
    return await set_aside.waiting(session)


@router.post(
    "/set-aside:again", dependencies=[permit("monitoring.reading.write")], response_model=list[SetAsideRead]
)
async def read_set_aside(services: CurrentServices) -> list[SetAside]:
    """Read them again now, and tell what can be told; answers what stays set aside."""
    await rereading.read_again(services)
    async with services.readers() as session:
        return await set_aside.waiting(session)


async def _read(session: AsyncSession, messages: list[Message]) -> list[MessageRead]:
    items = await queries.items(session, [message.id for message in messages])
    return [_message(message, tuple(items[message.id])) for message in messages]


def _message(message: Message, items: tuple[NoticeItem, ...]) -> MessageRead:
    command = letters.command(message.project, message.loop, items)
    told = Letter(message.id, message.project, message.loop, message.channel, items, None, command)
    return MessageRead(
        id=message.id, loop=message.loop, channel=message.channel, state=message.state,  # type: ignore[arg-type]
        title=told.title if items else message.loop, created_at=message.created_at, next_at=message.next_at,
        done_at=message.done_at, attempts=message.attempts, held=message.held, answer=message.answer, items=list(items),
    )  # fmt: skip
