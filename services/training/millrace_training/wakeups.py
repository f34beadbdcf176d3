"""Who waits for what: the controller for something to do, requests for news of a job."""

import asyncio
import time


class Changes:
    """Many can wait for the next change; who misses one looks again after the timeout."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Something changed."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, timeout: float) -> None:
        """Return at the next change, or after *timeout* seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._next.wait()
        except TimeoutError:
            return


class Wakeup:
    """Says when the jobs are to be looked at; without any there is a rest, until somebody submits one."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._rest_until = 0.0

    def rest(self, seconds: float) -> None:
        """Nothing to do for so long, unless something happens."""
        self._rest_until = time.monotonic() + seconds

    @property
    def is_resting(self) -> bool:
        """Whether a look can be left out."""
        return time.monotonic() < self._rest_until

    def nudge(self) -> None:
        """There is something to do: look at once."""
        self._rest_until = 0.0
        self.event.set()
