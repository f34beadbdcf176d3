"""The level-triggered loop: read the whole truth, act idempotently, back off when it fails."""

import asyncio
from collections.abc import Awaitable, Callable

from millrace_core.log import log


async def run_forever(
    name: str,
    act: Callable[[], Awaitable[object]],
    every: float,
    wake: asyncio.Event | None = None,
    backoff_max: float = 30.0,
) -> None:
    """Call *act* every *every* seconds, sooner when *wake* is set, later (doubling) after failures.

    Cancellation passes through; any other error is logged and tried again.
    """
    delay = every
    while True:
        try:
            await act()
            delay = every
        except Exception as error:
            delay = min(max(delay, 0.1) * 2, backoff_max)
            log.exception("reconcile failed", loop=name, retry_seconds=delay, error=type(error).__name__)
        await _pause(delay, wake)


async def _pause(delay: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(delay)
        return
    try:
        async with asyncio.timeout(delay):
            await wake.wait()
    except TimeoutError:
        pass
    wake.clear()
