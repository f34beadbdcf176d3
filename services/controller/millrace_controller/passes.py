"""A pass over loops: what can be done for each now, one after the other, by a background task of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx

from millrace.transport.errors import ApiError
from millrace_controller.services import Services
from millrace_controller.tables import Loop
from millrace_core.errors import MillraceError
from millrace_core.log import log

Step = Callable[[Services, Loop], Awaitable[bool]]
"""Does the next thing for a loop as it was read; False when there is none, or it has to wait."""


async def over(services: Services, loops: Sequence[Loop], step: Step, trouble: str) -> None:
    """Take steps for every loop until it has to wait; one that makes *trouble* does not keep the others waiting.

    Trouble is a service that refuses, and one that does not answer: the next pass tries again.
    """
    for loop in loops:
        try:
            while await step(services, loop):
                async with services.readers() as session:
                    loop = await session.get_one(Loop, loop.id)
        except (ApiError, MillraceError, httpx.TransportError) as error:
            log.warning(trouble, loop=loop.name, error=f"{type(error).__name__}: {error}"[:500])
        await asyncio.sleep(0)
