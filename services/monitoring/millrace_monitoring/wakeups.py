"""What tells one part of the service of another: days to close, closed days, and where rows come in."""

import asyncio
import time
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

RECOUNT_SECONDS = 1.0
"""Least time between two counts of the labels of a day that waits for them."""


class Wakeups:
    """`due` wakes the pass; whoever holds `closed` is woken when a day has closed."""

    def __init__(self) -> None:
        self.due = asyncio.Event()
        self.closed = asyncio.Event()

    async def wake(self) -> None:
        """There may be a day to close (call it after the commit that made it so)."""
        self.due.set()

    def tell_closed(self) -> None:
        """A day has closed."""
        told, self.closed = self.closed, asyncio.Event()
        told.set()


class Recounts:
    """When the open day of each endpoint was last looked at: a day that waits is not counted with every record."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[date, float]] = {}

    def may(self, project: str, endpoint: str, day: date) -> bool:
        """Whether the labels of *day* may be counted now; if so, not again for RECOUNT_SECONDS."""
        now = time.monotonic()
        last_day, last = self._last.get((project, endpoint), (day, -RECOUNT_SECONDS))
        if last_day == day and now - last < RECOUNT_SECONDS:
            return False
        self._last[project, endpoint] = (day, now)
        return True


class Offers(Protocol):
    """Takes rows in; an answer means that they are durable."""

    async def offer(self, payload: Any) -> None: ...


@dataclass(frozen=True)
class Opened:
    """The open receiver: what takes the rows in, the task that writes them, the server and its port."""

    intake: Offers
    task: asyncio.Task[None]
    server: Any
    port: int


class Reception:
    """The receiver, once it is open."""

    opened: Opened | None = None

    @property
    def now(self) -> Opened:
        """The open receiver; before the service begins there is none, and no request either."""
        assert self.opened is not None, "the receiver is opened before the first request"
        return self.opened


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until *event* is set, but not longer than *seconds*."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
