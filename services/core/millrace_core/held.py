"""Streams that stay open for hours, and answers that `?wait=` holds back: they end when the right to read them does."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

from fastapi import Request

from millrace_core.auth import Permit
from millrace_core.errors import MillraceError

EVERY = 2.5
"""Seconds between two looks at the caller's rights: what is taken away is gone within five."""
Event = dict[str, str]
Answer = TypeVar("Answer")


async def answered(request: Request, answer: Coroutine[Any, Any, Answer]) -> Answer:
    """The *answer*, waited for as long as the caller has what the route asks for.

    Args:
        request: the one that was let in; its route's permission is looked at again, with the same token.
    Raises: what a new request would hear of whoever has lost it: Unauthorized, Forbidden, NotFound, Unavailable; and
    what the answer raises.
    """
    coming = asyncio.ensure_future(answer)
    try:
        while not (await asyncio.wait({coming}, timeout=EVERY))[0]:
            await _permit(request)
        return coming.result()
    finally:
        await _over(coming)


async def held(request: Request, events: AsyncGenerator[Event, None]) -> AsyncIterator[Event]:
    """The *events* for as long as the caller has what the route asks for.

    Whoever has lost it, whose token has ended, or whose right cannot be asked for now hears one `error` with the words
    that a new request would hear, and the stream is over.

    Args:
        request: the one that was let in; its route's permission is looked at again, with the same token.
    """
    due, coming = time.monotonic() + EVERY, _next(events)
    try:
        while True:
            await asyncio.wait({coming}, timeout=max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                refusal = await _refusal(request)
                if refusal is not None:
                    yield refusal
                    return
                due = time.monotonic() + EVERY
            if coming.done():
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    return
                coming = _next(events)
                yield event
    finally:
        await _over(coming)
        await events.aclose()


async def _over(coming: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more."""
    coming.cancel()
    with contextlib.suppress(BaseException):
        await coming


def _next(events: AsyncGenerator[Event, None]) -> asyncio.Future[Event]:
    return asyncio.ensure_future(events.__anext__())


async def _permit(request: Request) -> None:
    permit: Permit = request.state.permit
    await permit(request)


async def _refusal(request: Request) -> Event | None:
    try:
        await _permit(request)
    except MillraceError as error:
        told = {"title": error.title, "status": error.status, "detail": error.detail}
        return {"event": "error", "data": json.dumps(told)}
    return None
