"""Wakes the pass that closes days, and those who wait for a closed day."""

import asyncio
import time
from datetime import date

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


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until *event* is set, but not longer than *seconds*."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
