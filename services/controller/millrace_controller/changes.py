"""Wakes everybody who waits for a change; who listens before looking misses nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Seen = TypeVar("Seen")


class Changes:
    """`change = changes.listen()`, look, then `await changes.wait(change, until)`: one in between is not lost."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.work = asyncio.Event()
        """Set when the loops are to be looked after at once."""

    def ring(self) -> None:
        """Something changed."""
        self._next.set()
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Something was changed from outside: look after the loops now, and wake who waits."""
        self.work.set()
        self.ring()

    def listen(self) -> asyncio.Event:
        """What the next change will set."""
        return self._next

    async def until(
        self, look: Callable[[], Awaitable[Seen]], done: Callable[[Seen], bool], seconds: float
    ) -> Seen:
        """What is seen as soon as it is *done*, or when the *seconds* are up; looked at anew with each change."""
        deadline = time.monotonic() + seconds
        while True:
            change = self.listen()
            seen = await look()
            if done(seen) or time.monotonic() >= deadline:
                return seen
            await self.wait(change, deadline)

    async def wait(self, change: asyncio.Event, until: float, longest: float = 5.0) -> None:
        """Return at the change, at *until* (monotonic), or after *longest* seconds, whichever comes first."""
        try:
            async with asyncio.timeout(max(0.0, min(longest, until - time.monotonic()))):
                await change.wait()
        except TimeoutError:
            return
