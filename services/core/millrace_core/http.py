"""What happens around every request: id, log line, metrics, body size and time."""

import asyncio
import re
import time

import structlog
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millrace_core import metrics
from millrace_core.errors import problem
from millrace_core.log import new_request_id, request_line

SAFE_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
QUIET = ("/healthz", "/readyz", "/metrics", "/v3/", "/v1/standby")


class RequestContext:
    """Gives each request an id (the caller's, if it is safe), logs it, and counts it.

    A request that waits while its server ends is cancelled: it is answered 503, so that who asked may ask again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode(
            "latin-1"
        )
        request_id = given if SAFE_ID.match(given) else new_request_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began, status, started = time.perf_counter(), 500, False

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except asyncio.CancelledError:
            if not started:
                ends = problem(503, "Not available now", "The service ends; ask again, another one comes.")
                await ends(scope, receive, answer)
            raise
        finally:
            self._record(scope, status, time.perf_counter() - began, request_id)

    @staticmethod
    def _record(scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route, method, path = getattr(scope.get("route"), "path", "unmatched"), scope["method"], scope["path"]
        metrics.answered(route, method, status, seconds)
        if not path.startswith(QUIET):
            ms = round(seconds * 1e3, 1)
            request_line(method=method, path=path, status=status, ms=ms, request_id=request_id)


class BodyLimits:
    """Refuses bodies that are too large (413) or too slow (408); some path prefixes may take large ones."""

    def __init__(
        self, app: ASGIApp, size: int, large: int, large_paths: tuple[str, ...], seconds: float
    ) -> None:
        self.small = RequestBodyLimitMiddleware(app, size)
        self.large = RequestBodyLimitMiddleware(app, large)
        self.large_paths = large_paths
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        large = (
            scope["type"] == "http" and bool(self.large_paths) and scope["path"].startswith(self.large_paths)
        )
        chosen = self.large if large else self.small
        try:
            await chosen(scope, _timed(receive, self.seconds), send)
        except TimeoutError:
            answer = problem(408, "Too slow", f"The body did not arrive within {self.seconds:.0f} s.")
            await answer(scope, receive, send)


def _timed(receive: Receive, seconds: float) -> Receive:
    """*receive* with a deadline for the whole body; after the body it waits for ever (disconnect)."""
    deadline = time.monotonic() + seconds
    done = False

    async def timed() -> Message:
        nonlocal done
        if done:
            return await receive()
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            message = await receive()
        done = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return timed
