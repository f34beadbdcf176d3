"""Events wait in the database of the service in which they happened, and are sent by a task of their own.

Whatever the receiver does, nothing else waits for it: an event that it refuses is counted and left out, and while it
does not answer, or answers too slowly, only so many are kept, the newest.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter

from millrace_core.log import log
from millrace_core.openlineage import queries
from millrace_core.openlineage.events import Happened
from millrace_core.openlineage.sending import Refused, sender
from millrace_core.reconcile import run_forever
from millrace_core.services import Services

BATCH, KEPT = 100, 10_000
EVERY, LONGEST = 2.0, 300.0
EVENTS = Counter(
    "millrace_openlineage_events_total", "OpenLineage events by what became of them.", ["outcome"]
)
Send = Callable[[Happened], None]
"""Sends one event, blocking. Raises: Refused if it will never be taken, anything else if it may be later."""


async def begin(services: Services) -> None:
    """At the start of a service: its sessions know whether events are wanted."""
    if services.settings.openlineage_url:
        services.known[queries.WANTED] = True
        services.sessions.configure(info=services.known)


async def send(services: Services, table: Any, emit: Send) -> int:
    """Send what waits, oldest first; returns how many were dealt with. Raises what kept the next from being sent."""
    async with services.readers() as session:
        rows = await queries.oldest(session, table, BATCH)
    for row in rows:
        try:
            await asyncio.to_thread(emit, Happened.model_validate(row.body))
            EVENTS.labels("sent").inc()
        except Refused as error:
            EVENTS.labels("refused").inc()
            log.warning("the receiver of OpenLineage events refuses one", error=str(error)[:500])
        except Exception as error:
            if not _never(error):
                await _keep_the_newest(services, table)
                raise
            EVENTS.labels("refused").inc()
            log.exception("an OpenLineage event cannot be written", error=type(error).__name__)
        async with services.sessions.begin() as session:
            await queries.remove(session, table, row.number)
    if len(rows) == BATCH:
        await _keep_the_newest(services, table)
    return len(rows)


def _never(error: Exception) -> bool:
    """Whether it is the event that cannot be written: tried again, it would keep back all that come after it.

    What the network, a file or a receiver does is an OSError, also where it is another error too.
    """
    return isinstance(error, ValueError | TypeError) and not isinstance(error, OSError)


async def _keep_the_newest(services: Services, table: Any) -> None:
    async with services.sessions.begin() as session:
        dropped = await queries.keep_newest(session, table, KEPT)
    if dropped:
        EVENTS.labels("dropped").inc(dropped)
        log.warning(
            "OpenLineage events are dropped: their receiver was away or slow for too long", events=dropped
        )


def send_forever(table: Any) -> Any:
    """A background task for `create_app` that keeps sending the events of *table*, if a receiver is named."""

    async def task(services: Services) -> None:
        if services.settings.openlineage_url:
            emit = sender(services.settings)
            await run_forever(
                "openlineage", lambda: send(services, table, emit), every=EVERY, backoff_max=LONGEST
            )
        else:
            await asyncio.Event().wait()

    return task
