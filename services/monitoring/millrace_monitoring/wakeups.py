"""Wakes the pass that closes days, and those who wait for a closed day."""

import asyncio


class Bells:
    """`due` wakes the pass; whoever holds `next` is woken when a day has closed."""

    def __init__(self) -> None:
        self.due = asyncio.Event()
        self.next = asyncio.Event()

    async def wake(self) -> None:
        """There may be a day to close (call it after the commit that made it so)."""
        self.due.set()

    def ring(self) -> None:
        """A day has closed."""
        rung, self.next = self.next, asyncio.Event()
        rung.set()


async def heard(bell: asyncio.Event, seconds: float) -> None:
    """Wait until *bell* rings, but not longer than *seconds*."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await bell.wait()
    except TimeoutError:
        return
