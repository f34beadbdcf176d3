"""Two passes: what was decided becomes messages, and messages that are due are sent, each until it arrives.

A message is frozen and its try counted before it is sent, and its end is noted after: a process that dies in between
sends it again, under the same id. So every message arrives at least once, and receivers know a repetition by its id.
"""

import asyncio
from datetime import datetime, timedelta

from millrace_contracts.messages import NoticeItem
from millrace_contracts.notices import Channel
from millrace_core import pauses
from millrace_core.database import utcnow
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_monitoring.aside import queries as aside
from millrace_monitoring.channels import letter as letters
from millrace_monitoring.channels import picture, sending
from millrace_monitoring.channels.letter import Letter
from millrace_monitoring.channels.outcome import Outcome
from millrace_monitoring.closing import queries as closings
from millrace_monitoring.closing.reading import read as read_day
from millrace_monitoring.notices import choosing, queries, quiet, reading
from millrace_monitoring.notices.choosing import Chosen
from millrace_monitoring.notices.tables import Message
from millrace_monitoring.services import Services

ATTEMPTS = 100
"""Tries before a message is given up: with doubling waits of a quarter of an hour at most, about a day."""
AT_A_TIME = 8
FORGET_SECONDS = 3600.0
GONE = "there is no such channel any more"


async def tell_forever(services: Services) -> None:
    """Background task."""
    every = services.settings.webhook_seconds
    await asyncio.gather(
        run_forever("notices", lambda: _read_all(services), every=every),
        run_forever("messages", lambda: deliver(services), every=every),
        run_forever("old messages", lambda: _forget(services), every=FORGET_SECONDS),
    )


async def _read_all(services: Services) -> None:
    while await reading.read(services):
        pass


async def _forget(services: Services) -> None:
    async with services.sessions.begin() as session:
        await queries.forget(session, utcnow())


async def deliver(services: Services) -> None:
    """Send what is due, once; it ends with the last try, also where one raises: nothing is tried twice at once."""
    now = utcnow()
    async with services.readers() as session:
        due = await queries.due_now(session, now)
    by_channel: dict[tuple[str, str], list[Message]] = {}
    for message in due:
        by_channel.setdefault((message.project, message.channel), []).append(message)
    places = asyncio.Semaphore(AT_A_TIME)
    turns = (_in_turn(services, places, mine, now) for mine in by_channel.values())
    failed = [error for error in await asyncio.gather(*turns, return_exceptions=True) if error is not None]
    if failed:
        raise failed[0]


async def _in_turn(
    services: Services, places: asyncio.Semaphore, messages: list[Message], now: datetime
) -> None:
    """One channel's messages, one after another: its rate counts each. One that cannot be sent stops no other."""
    async with places:
        for message in messages:
            try:
                await _one(services, message, now)
            except Exception as error:
                if aside.may_pass(error):
                    raise
                log.exception("a message could not be sent", message=message.id, of=message.loop)
                await _stumbled(services, message, error)


async def _stumbled(services: Services, message: Message, error: Exception) -> None:
    """Count the try, so that it is shown, waits longer each time, and is given up in the end."""
    wait = timedelta(seconds=pauses.seconds(1, message.attempts))
    async with services.sessions.begin() as session:
        counted = await queries.claim(session, message, utcnow() + wait)
    message.attempts += counted
    await _end(
        services, message, Outcome(False, f"not sent: {type(error).__name__} here; see monitoring's log")
    )


async def _one(services: Services, message: Message, now: datetime) -> None:
    async with services.readers() as session:
        chosen = await choosing.of_message(session, services.settings, message)
    if chosen is None:
        return await _end(services, message, Outcome(False, GONE, again=False))
    if await _held(services, message, chosen, now):
        return None
    items = await _frozen(services, message)
    if items is None:
        return None
    letter = write(services, message, items)
    drawn = await draw(services, letter, chosen.channel)
    outcome = await sending.send(services.settings, chosen.channel, chosen.scope, letter, drawn)
    return await _end(services, message, outcome)


async def _frozen(services: Services, message: Message) -> tuple[NoticeItem, ...] | None:
    """Count the try, so that nothing joins the message any more, and then read what stands in it.

    None: another process has taken this try, as while one pod follows another.
    """
    wait = timedelta(seconds=pauses.seconds(1, message.attempts))
    async with services.sessions.begin() as session:
        if not await queries.claim(session, message, utcnow() + wait):
            return None
    message.attempts += 1
    async with services.readers() as session:
        return tuple((await queries.items(session, [message.id]))[message.id])


async def _held(services: Services, message: Message, chosen: Chosen, now: datetime) -> bool:
    """Whether it waits for the end of quiet hours, or for the channel's rate; what happens meanwhile joins it."""
    hours, until, why = chosen.channel.quiet_hours, None, ""
    if hours is not None and not message.urgent:
        until, why = quiet.hours(hours, now), f"quiet hours until {hours.to} ({hours.timezone})"
    if until is None:
        most = chosen.channel.at_most
        async with services.readers() as session:
            sent = await queries.sent(session, message.project, message.channel, now - timedelta(days=7))
        until, why = (
            quiet.rate(most, sent, now),
            f"{most.messages} messages were sent in {most.per}, its rate",
        )
    if until is None:
        return False
    async with services.sessions.begin() as session:
        await queries.change(session, message, next_at=until, held=why)
    return True


async def _end(services: Services, message: Message, outcome: Outcome) -> None:
    """Note what came of a try."""
    now = utcnow()
    if outcome.delivered:
        values = {"state": "sent", "done_at": now, "next_at": None}
    elif not outcome.again or message.attempts >= ATTEMPTS:
        values = {"state": "given-up", "done_at": now, "next_at": None}
        where = {"project": message.project, "of": message.loop, "channel": message.channel}
        log.error("a message could not be delivered", message=message.id, answer=outcome.answer, **where)
    else:
        pause = max(pauses.seconds(1, message.attempts - 1), outcome.after or 0.0)
        values = {"next_at": now + timedelta(seconds=pause)}
    async with services.sessions.begin() as session:
        await queries.change(session, message, answer=outcome.answer, **values)


def write(services: Services, message: Message, items: tuple[NoticeItem, ...]) -> Letter:
    """The message in plain words."""
    return Letter(
        id=message.id,
        project=message.project,
        loop=message.loop,
        channel=message.channel,
        items=items,
        link=letters.link(services.settings.console_url, message.project, message.loop, items),
        command=letters.command(message.project, message.loop, items),
    )


async def draw(services: Services, letter: Letter, channel: Channel) -> bytes | None:
    """The picture of a loop's error by day, as the channel takes it; a message without one goes all the same."""
    dots = sending.dots(channel)
    if dots is None:
        return None
    try:
        async with services.readers() as session:
            days = await closings.days(session, letter.project, letter.loop, limit=picture.DAYS)
        return await asyncio.to_thread(picture.draw, [read_day(day) for day in days], dots)
    except Exception as error:
        log.exception("no picture for a message", message=letter.id, error=type(error).__name__)
        return None
