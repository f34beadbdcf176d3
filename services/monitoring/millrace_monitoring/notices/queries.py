"""SQL of what people are told: who hears of a loop, what stands, and the messages on their way."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import ColumnElement, String, cast, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts import durations
from millrace_contracts.messages import NoticeItem
from millrace_contracts.notices import Notify, Topic
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_monitoring.notices.stored import queries as stored
from millrace_monitoring.notices.tables import (
    FORMER,
    Followed,
    FormerChannel,
    Incident,
    Message,
    Subscription,
    Telling,
)
from millrace_monitoring.tables import Alarm

CHAIN = "decisions"
MOST_ITEMS = 50
"""Things in one message; what is more goes into the next."""
MOST_DUE = 1000
"""Messages that are sent in one pass; those that wait longest go first."""
REMEMBERED = timedelta(days=30)
"""How long a message that ended is shown."""


@dataclass(frozen=True)
class Place:
    """One loop and one channel that tells of it."""

    project: str
    loop: str
    channel: str

    def columns(self) -> dict[str, str]:
        """As the tables name it."""
        return {"project": self.project, "loop": self.loop, "channel": self.channel}


async def through(session: AsyncSession) -> int | None:
    """Number of the decision that was read last; None before the first look."""
    found = await session.get(Followed, CHAIN)
    return None if found is None else found.through


async def move_on(session: AsyncSession, after: int | None, number: int) -> bool:
    """What follows *number* is to be read next; False if another reader was first, who may have read more or less.

    Others wait for the row until this transaction ends: what is written in it is written by one reader.
    """
    if after is None:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        first = dialect.insert(Followed).values(name=CHAIN, through=number).on_conflict_do_nothing()
        done = await session.execute(first)
    else:
        mine = (Followed.name == CHAIN, Followed.through == after)
        done = await session.execute(update(Followed).where(*mine).values(through=number))
    return done.rowcount == 1  # type: ignore[attr-defined]


async def unsubscribe(session: AsyncSession, project: str, loop: str) -> None:
    """Nobody is told of the loop any more; what is on its way goes on, by its channels. Repeating changes nothing.

    What was told until then does not count as told to who is told later: the same key would stop all reading.
    """
    whose = (Subscription.project == project, Subscription.loop == loop)
    await session.execute(update(Subscription).where(*whose).values(gone=True))
    await session.execute(delete(Incident).where(Incident.project == project, Incident.loop == loop))
    mine = (Telling.project == project, Telling.loop == loop)
    await session.execute(
        update(Telling).where(*mine).values(key=literal("gone ") + cast(Telling.number, String))
    )


async def subscription(session: AsyncSession, project: str, loop: str) -> Subscription | None:
    """Who is told of a loop that is there."""
    kept = await last_subscription(session, project, loop)
    return None if kept is None or kept.gone else kept


async def last_subscription(session: AsyncSession, project: str, loop: str) -> Subscription | None:
    """Who is told of a loop, or was when it went away and messages of it are still on their way.

    Raises: Conflict for a row that cannot be read.
    """
    try:
        return await session.get(Subscription, (project, loop), populate_existing=True)
    except ValidationError as error:
        raise Conflict(
            f"Who is told of the loop '{loop}' cannot be read as it is stored ({stored.why(error)}). "
            "Apply the loop's document again."
        ) from error


async def former(session: AsyncSession, project: str, loop: str, channel: str) -> FormerChannel | None:
    """The channel of a loop that was removed, by the name that its messages have."""
    number = channel.removeprefix(FORMER)
    if number == channel:
        return None
    found = await session.get(FormerChannel, int(number))
    return found if found is not None and (found.project, found.loop) == (project, loop) else None


async def standing(
    session: AsyncSession, project: str, loop: str, topic: Topic | None = None
) -> list[Incident]:
    """Incidents of a topic, or of all, that have begun and not ended."""
    mine = (Incident.project == project, Incident.loop == loop)
    statement = select(Incident).where(*mine, Incident.ended.is_(False)).order_by(Incident.key)
    if topic is not None:
        statement = statement.where(Incident.topic == topic)
    return list((await session.scalars(statement)).all())


async def incident(session: AsyncSession, project: str, loop: str, key: str) -> Incident | None:
    return await session.get(Incident, (project, loop, key))


async def silent(session: AsyncSession, alarm: str, now: datetime) -> bool:
    """Whether a person has said that nobody is to be told of the alarm for a while."""
    known = select(Alarm.id).where(Alarm.id == alarm, Alarm.silenced_until > now)
    return await session.scalar(known) is not None


async def told(
    session: AsyncSession, place: Place, key: str, moment: str
) -> tuple[Telling, Message | None] | None:
    """Where a channel was told something, if it was; a message of long ago is forgotten."""
    mine = [getattr(Telling, name) == value for name, value in place.columns().items()]
    statement = select(Telling, Message).outerjoin(Message, Message.id == Telling.message)
    row = (
        await session.execute(statement.where(*mine, Telling.key == key, Telling.moment == moment))
    ).first()
    return None if row is None else (row[0], row[1])


async def untried(session: AsyncSession, message: Message) -> bool:
    """Whether the message still takes something; if so, it is not sent before this transaction ends."""
    mine = (Message.id == message.id, Message.state == "waiting", Message.attempts == 0)
    return await session.scalar(select(Message.number).where(*mine).with_for_update()) is not None


async def open_message(session: AsyncSession, place: Place, due: datetime, alone: bool) -> Message:
    """The message that still takes more, or a new one that is due then; *alone*: always a new one."""
    if not alone:
        mine = [getattr(Message, name) == value for name, value in place.columns().items()]
        untried = (Message.state == "waiting", Message.attempts == 0)
        newest = (
            select(Message).where(*mine, *untried).order_by(Message.number.desc()).limit(1).with_for_update()
        )
        found = (await session.scalars(newest)).one_or_none()
        if found is not None and await _count(session, found) < MOST_ITEMS:
            return found
    made = Message(
        id=str(uuid.uuid4()), **place.columns(), state="waiting", urgent=False, created_at=utcnow(),
        next_at=due, attempts=0,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    return made


async def _count(session: AsyncSession, message: Message) -> int:
    statement = select(func.count()).select_from(Telling).where(Telling.message == message.id)
    return await session.scalar(statement) or 0


async def add(session: AsyncSession, place: Place, message: Message, item: NoticeItem) -> None:
    """Put one thing into a message; the database refuses the same thing for the same channel twice."""
    telling = Telling(message=message.id, **place.columns(), key=item.key, moment=item.moment, item=item)
    session.add(telling)
    await session.flush()


async def items(session: AsyncSession, messages: Sequence[str]) -> dict[str, list[NoticeItem]]:
    """What stands in these messages, in the order in which it happened."""
    found: dict[str, list[NoticeItem]] = {id: [] for id in messages}
    statement = select(Telling).where(Telling.message.in_(messages)).order_by(Telling.number)
    for telling in (await session.scalars(statement)).all():
        found[telling.message].append(telling.item)
    return found


async def due_now(session: AsyncSession, now: datetime) -> list[Message]:
    """Up to MOST_DUE messages to be sent: of one loop and channel the first that waits, so that nothing overtakes.

    What is held back lets others pass, of which each is asked for itself: what is urgent waits for no end of a night.
    """
    held = Message.held.is_not(None) & (Message.next_at > now)
    place = (Message.project, Message.loop, Message.channel)
    first = select(func.min(Message.number)).where(Message.state == "waiting", ~held).group_by(*place)
    due = Message.next_at.is_(None) | (Message.next_at <= now)
    statement = (
        select(Message).where(Message.number.in_(first), due).order_by(Message.next_at, Message.number)
    )
    return list((await session.scalars(statement.limit(MOST_DUE))).all())


async def sent(session: AsyncSession, project: str, channel: str, since: datetime) -> list[datetime]:
    """When the channel delivered messages after *since*, oldest first."""
    mine = (Message.project == project, Message.channel == channel, Message.state == "sent")
    statement = select(Message.done_at).where(*mine, Message.done_at > since).order_by(Message.done_at)
    return [at for at in (await session.scalars(statement)).all() if at is not None]


async def change(session: AsyncSession, message: Message, **values: object) -> None:
    await session.execute(update(Message).where(Message.id == message.id).values(**values))


async def claim(session: AsyncSession, message: Message, next_at: datetime) -> bool:
    """Count a try of a message as it was read; not if somebody else has tried it since, or let it be tried again."""
    mine = (Message.id == message.id, Message.state == "waiting", Message.attempts == message.attempts)
    change = update(Message).where(*mine).values(attempts=message.attempts + 1, next_at=next_at, held=None)
    return (await session.execute(change)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


async def page(
    session: AsyncSession, project: str, loop: str | None, state: str | None, before: int | None, limit: int
) -> list[Message]:
    """Up to limit + 1 messages, the newest first."""
    statement = select(Message).where(Message.project == project).order_by(Message.number.desc())
    for column, value in ((Message.loop, loop), (Message.state, state)):
        if value is not None:
            statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(Message.number < before)
    return list((await session.scalars(statement.limit(limit + 1))).all())


async def again(session: AsyncSession, project: str, id: str) -> Message:
    """Let a message that was given up be tried again, now. Raises: NotFound, Conflict for one that was not."""
    message = await session.scalar(select(Message).where(Message.project == project, Message.id == id))
    if message is None:
        raise NotFound(f"There is no message {id}.")
    if message.state != "given-up":
        raise Conflict(f"The message {id} is {message.state}; only one that was given up can be sent again.")
    message.state, message.next_at, message.done_at = "waiting", utcnow(), None
    message.attempts = 1
    await session.flush()
    return message


def due(notify: Notify, now: datetime) -> datetime:
    """When what is told now is sent, together with what comes until then."""
    return now + durations.parse(notify.group)


async def forget(session: AsyncSession, now: datetime) -> None:
    """Messages that ended long ago are no longer shown; of what goes on, it stays known who was told."""
    old = (Message.state != "waiting") & (Message.done_at < now - REMEMBERED)
    await session.execute(delete(Message).where(old))
    mine = (Message.project == Subscription.project, Message.loop == Subscription.loop)
    on_its_way = select(Message.number).where(*mine, Message.state == "waiting").exists()
    await session.execute(delete(Subscription).where(Subscription.gone.is_(True), ~on_its_way))
    numbers = select(Message.channel).where(Message.state == "waiting", Message.channel.startswith(FORMER))
    needed = {int(name.removeprefix(FORMER)) for name in (await session.scalars(numbers)).all()}
    await session.execute(delete(FormerChannel).where(FormerChannel.number.not_in(needed)))
    same = (Incident.project == Telling.project, Incident.loop == Telling.loop, Incident.key == Telling.key)
    goes_on = select(Incident.key).where(*same, Incident.ended.is_(False)).exists()
    shown = select(Message.id).where(Message.id == Telling.message).exists()
    await session.execute(delete(Telling).where(~shown, ~goes_on))
    await session.execute(delete(Incident).where(Incident.ended.is_(True), ~_shown_incident()))


def _shown_incident() -> ColumnElement[bool]:
    same = (Telling.project == Incident.project, Telling.loop == Incident.loop, Telling.key == Incident.key)
    return select(Telling.number).where(*same).exists()
