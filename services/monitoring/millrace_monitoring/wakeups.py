"""What tells one part of the service of another: days to close, closed days, and where rows come in."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol
from weakref import WeakValueDictionary

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

    def forget(self, project: str, endpoint: str) -> None:
        """Nobody watches the endpoint any more."""
        self._last.pop((project, endpoint), None)


class Locks:
    """One lock an endpoint, of its stored rows; one that nobody holds or waits for is forgotten.

    Args:
        due: set when an endpoint is free again that somebody passed by.
    """

    def __init__(self, due: asyncio.Event) -> None:
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._due, self._passed = due, set[tuple[str, str]]()

    @asynccontextmanager
    async def of(self, project: str, endpoint: str) -> AsyncIterator[None]:
        """Hold the endpoint's, once nobody else does."""
        lock = self._locks.setdefault((project, endpoint), asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if (project, endpoint) in self._passed:
                self._passed.discard((project, endpoint))
                self._due.set()

    def passes_by(self, project: str, endpoint: str) -> bool:
        """Whether somebody holds it; if so, *due* is set when it is free."""
        lock = self._locks.get((project, endpoint))
        if lock is None or not lock.locked():
            return False
        self._passed.add((project, endpoint))
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
