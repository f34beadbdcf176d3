"""An answer leaves in one piece, and nothing of it is lost when its connection is closed."""

import asyncio

from uvicorn.config import Config
from uvicorn.server import ServerState

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

    def is_closing(self):
        return "closed" in self.sent


async def answer(scope, receive, send):
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def asked(request):
    config = Config(answer, http=Protocol, log_config=None, access_log=False)
    config.load()
    wire = Wire()
    protocol = Protocol(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(wire)
    protocol.data_received(request)
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
