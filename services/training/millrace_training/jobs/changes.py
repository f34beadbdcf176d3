"""Wakes everyone who waits for news of a job."""

import asyncio


class Changes:
    """A bell that many can wait for; who misses a ring looks again after the timeout."""

    def __init__(self) -> None:
        self._bell = asyncio.Event()

    def tell(self) -> None:
        """Something changed."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def wait(self, timeout: float) -> None:
        """Return at the next change, or after *timeout* seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._bell.wait()
        except TimeoutError:
            return
