"""Services of this very process: they are called without a socket, by whoever knows them under a URL of theirs."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

SECONDS = 24 * 3600.0
"""The longest that a thread waits for an answer; who asks has deadlines of its own."""


class Inside(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """One application.

    Args:
        app: as ASGI has it. loop: the event loop in which it lives; threads besides it may call as well.
    """

    def __init__(self, app: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> None:
        self._asgi, self._loop = httpx.ASGITransport(app, raise_app_exceptions=False), loop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, for who calls from the loop."""
        return await self._asgi.handle_async_request(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, for who calls from a thread."""
        body = request.read()
        return asyncio.run_coroutine_threadsafe(self._whole(request, body), self._loop).result(SECONDS)

    async def _whole(self, request: httpx.Request, body: bytes) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        answer = await self._asgi.handle_async_request(asked)
        content = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(content))


_KNOWN: dict[str, Inside] = {}


def offer(url: str, app: Callable[..., Any], loop: asyncio.AbstractEventLoop) -> None:
    """From now on *app* answers in this process for what has this base URL."""
    _KNOWN[url] = Inside(app, loop)


def known(url: str) -> Inside | None:
    """Who answers for this base URL without a socket; None: a server does."""
    return _KNOWN.get(url)
