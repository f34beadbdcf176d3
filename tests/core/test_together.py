"""An answer leaves in one piece, and nothing of it is lost when its connection is closed."""

import asyncio

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from millrace_contracts.bodies import HEAD_BYTES
from millrace_core.together import Protocol, Together


class Wire(asyncio.Transport):
    """What was sent over a connection, piece by piece; `closed` stands where it was closed."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def write(self, data):
        self.sent.append(data)

    def close(self):
        self.sent.append("closed")

    def pause_reading(self):
        """The test goes on."""

    resume_reading = pause_reading

    def is_closing(self):
        return "closed" in self.sent


async def answer(scope, receive, send):
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def asked(*pieces):
    config = Config(answer, http=Protocol, log_config=None, access_log=False)
    config.load()
    wire = Wire()
    protocol = Protocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(wire)
    for piece in pieces:
        if not wire.is_closing():
            protocol.data_received(piece)
    for _ in range(5):
        await asyncio.sleep(0)
    return wire.sent


async def test_head_and_body_are_one_piece():
    (piece,) = await asked(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\nok")


async def test_an_answer_is_sent_before_its_connection_is_closed():
    piece, closed = await asked(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert piece.endswith(b"ok")
    assert closed == "closed"


async def test_what_comes_later_is_a_piece_of_its_own():
    wire = Wire()
    connection = Together(wire)
    connection.write(b"a")
    await asyncio.sleep(0)
    connection.write(b"b")
    connection.write(b"c")
    await asyncio.sleep(0)
    assert wire.sent == [b"a", b"bc"]


def head(length, *ends):
    """A request whose line and headers have about so many bytes."""
    return b"POST / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer " + b"g" * length + b"\r\n" + b"".join(ends)


def in_pieces(data, size=16_384):
    return [data[place : place + size] for place in range(0, len(data), size)]


@pytest.mark.parametrize("size", [16_384, 1 << 20])
async def test_a_head_that_is_too_long_is_431_in_words_and_ends_the_connection(size):
    for ends in ((b"\r\n",), ()):  # also one that goes on
        told, closed = await asked(*in_pieces(head(HEAD_BYTES + 100, *ends), size))
        assert told.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert b"application/problem+json" in told
        assert b"many groups" in told
        assert closed == "closed"


@pytest.mark.parametrize("size", [16_384, 1 << 20])
async def test_a_long_token_is_read_and_a_long_body_is_no_head(size):
    body = b"b" * 200_000
    more = f"content-length: {len(body)}\r\n\r\n".encode()
    request = head(HEAD_BYTES - 500, more, body)
    told, *more = await asked(*in_pieces(request, size))
    assert told.startswith(b"HTTP/1.1 200 OK"), more


async def test_what_is_no_request_is_400_as_before():
    told, closed = await asked(b"nonsense\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400")
    assert closed == "closed"
