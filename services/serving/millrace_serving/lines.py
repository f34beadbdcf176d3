"""Kept connections to the gateway: a request costs what it says, not the making of a connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools

CLOSED = "the connection ended before an answer came"


class NoAnswer(Exception):
    """The gateway did not answer; the text says how."""


@dataclass
class Answer:
    """What came back; names of headers are lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


class Lines:
    """Connections to one place that speaks HTTP/1.1; as many as there are requests under way, kept for the next."""

    def __init__(self, url: str, seconds: float, credential: str | Callable[[], str] = "") -> None:
        """*seconds*: longest time for one answer, the connection included. *credential*: what is shown unless a request
        shows another; called for it where somebody renews it."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._named = f"host: {parts.netloc}\r\n".encode()
        self._seconds = seconds
        self._credential = credential
        self._idle: deque[_Line] = deque()

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send *body* to *path*. Raises: NoAnswer.

        A connection that the other side closed while it was idle is replaced by a new one, once.
        """
        if "authorization" not in headers and (shown := self._shown()):
            headers["authorization"] = f"Bearer {shown}"
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"POST {path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{lines}".encode("latin-1")
        request = head + self._named + b"\r\n" + body
        try:
            async with asyncio.timeout(self._seconds):
                while self._idle:
                    try:
                        return await self._ask(self._idle.pop(), request)
                    except ConnectionError:
                        continue
                return await self._ask(await self._opened(), request)
        except (TimeoutError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error

    def _shown(self) -> str:
        return self._credential if isinstance(self._credential, str) else self._credential()

    async def _opened(self) -> "_Line":
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(_Line, self._host, self._port)
        return line

    async def _ask(self, line: "_Line", request: bytes) -> Answer:
        try:
            answer = await line.ask(request)
        except BaseException:
            line.end()
            raise
        if line.open:
            self._idle.append(line)
        return answer

    async def close(self) -> None:
        """End all that are idle."""
        while self._idle:
            self._idle.pop().end()


class _Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.open = False
        self._waits: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer, self._pieces = Answer(), list[bytes]()
        self._transport: Any = None

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        """Raises: ConnectionError if the connection ends before the answer has come."""
        self._waits = asyncio.get_running_loop().create_future()
        if self.open:
            self._transport.write(request)
        else:
            self._fail()
        return self._waits

    def end(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = transport, True

    def connection_lost(self, _: Exception | None) -> None:
        self.open = False
        self._fail()

    def _fail(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_exception(ConnectionResetError(CLOSED))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.end()
            self._fail()

    def on_message_begin(self) -> None:
        self._answer, self._pieces = Answer(), []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._answer.content = b"".join(self._pieces)
        self.open = self.open and self._parser.should_keep_alive()
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(self._answer)
