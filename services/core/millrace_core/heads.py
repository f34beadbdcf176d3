"""A request's head is bounded: a server that waits for the end of one would keep all that a client sends meanwhile."""

import json

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from millrace_contracts.bodies import HEAD_BYTES

WORDS = (
    "The request's headers have more than 60 KiB. A token that names very many groups may be the cause: let its issuer "
    "put only those groups into it that have a role here."
)
PROBLEM = {"type": "about:blank", "title": "Request header fields too large", "status": 431, "detail": WORDS}


class TooLong(HttpParserError):
    """The head of a request is longer than HEAD_BYTES."""


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's HTTP, which ends a connection whose head has no end."""

    _open = False
    """Whether a head has begun that is not complete."""
    _came = 0
    """Bytes that came since before it began."""

    def data_received(self, data: bytes) -> None:
        self._came = self._came + len(data) if self._open else len(data)
        super().data_received(data)
        if self._open and self._came > HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        self._open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._open = False
        if self._came > HEAD_BYTES and len(self.url) + self._length() > HEAD_BYTES:
            raise TooLong
        super().on_headers_complete()

    def _length(self) -> int:
        return sum(len(name) + len(value) + 4 for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        if self._came > HEAD_BYTES and len(self.url) + self._length() > HEAD_BYTES:
            return self._refuse()
        super().send_400_response(msg)

    def _refuse(self) -> None:
        body = json.dumps(PROBLEM).encode()
        head = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
        self.transport.write(
            f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
        )
        self.transport.close()
