"""Wakes everybody who waits for a change; who listens before looking misses nothing."""

import asyncio
import time

from fastapi import FastAPI


class Bell:
    """`heard = bell.listen()`, look, then `await bell.wait(heard, until)`: a ring in between is not lost."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Something changed."""
        self._next.set()
        self._next = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """What the next ring will set."""
        return self._next

    async def wait(self, heard: asyncio.Event, until: float, longest: float = 5.0) -> None:
        """Return at the ring, at *until* (monotonic), or after *longest* seconds, whichever comes first."""
        try:
            async with asyncio.timeout(max(0.0, min(longest, until - time.monotonic()))):
                await heard.wait()
        except TimeoutError:
            return


async def tell(app: FastAPI) -> None:
    """Something was changed from outside: look after the loops now, and wake who waits. Runs after the commit."""
    app.state.wake.set()
    app.state.bell.ring()
