"""What all movers of rollouts in this process share: locks, and what is between the database and the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from millrace_core.log import log


class Movement:
    """One mover at a time for each endpoint, and a count of the changes that the gateway has not heard of."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        """Set when there is a candidate to be loaded."""
        self.attempts: dict[tuple[str, str, int], int] = {}
        """Loads that failed for reasons outside the candidate, by project, endpoint and rollout."""
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._changing = 0
        self._told = asyncio.Condition()

    def lock(self, project: str, name: str) -> asyncio.Lock:
        """One mover at a time for each endpoint."""
        return self._locks.setdefault((project, name), asyncio.Lock())

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """A change that is on its way from the database to the gateway."""
        self._changing += 1
        try:
            yield
        finally:
            async with self._told:
                self._changing -= 1
                self._told.notify_all()

    async def told(self, seconds: float) -> None:
        """Wait until no change is between database and gateway, so that what is read is also what is done."""
        try:
            async with asyncio.timeout(seconds), self._told:
                await self._told.wait_for(lambda: self._changing == 0)
        except TimeoutError:
            log.warning("the gateway is not told yet")
