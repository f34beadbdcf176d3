"""Connections to the gateway are kept, and replaced when the other side has closed them."""

import asyncio

import pytest

from millrace_serving.lines import Lines, NoAnswer

ANSWER = b"HTTP/1.1 200 OK\r\nX-Name: a\r\ncontent-length: 2\r\n\r\nok"
CHUNKS = b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n"


class Place:
    """A server that answers each request with the next of its answers; None: it hangs up."""

    def __init__(self, *answers):
        self.answers, self.asked, self.opened, self.writers = list(answers), [], 0, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.lines = Lines(f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}", 2.0)
        return self

    async def __aexit__(self, *_):
        await self.lines.close()
        self.server.close()

    async def _meet(self, reader, writer):
        self.opened += 1
        self.writers.append(writer)
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return None
            self.asked.append((head, await reader.readexactly(4)))
            answer = self.answers.pop(0)
            if answer is None:
                return writer.close()
            writer.write(answer)

    async def post(self):
        answer = await self.lines.post("/p", b"body", {"x-id": "1"})
        return answer.status, answer.content


async def test_one_connection_serves_one_request_after_another():
    async with Place(ANSWER, CHUNKS, ANSWER) as place:
        assert [await place.post() for _ in range(3)] == [(200, b"ok"), (503, b"nope"), (200, b"ok")]
        assert place.opened == 1
        assert place.asked[0][0].startswith(
            b"POST /p HTTP/1.1\r\ncontent-length: 4\r\nx-id: 1\r\nhost: 127.0.0.1:"
        )


async def test_a_connection_that_was_closed_meanwhile_is_replaced():
    async with Place(ANSWER, None, ANSWER) as place:
        assert await place.post() == (200, b"ok")
        assert await place.post() == (200, b"ok")
        assert place.opened == 2


async def test_requests_at_the_same_time_have_a_connection_each():
    async with Place(ANSWER, ANSWER) as place:
        assert await asyncio.gather(place.post(), place.post()) == [(200, b"ok")] * 2
        assert place.opened == 2


@pytest.mark.parametrize("answer", [None, b"nonsense\r\n\r\n"])
async def test_what_is_no_answer_is_told(answer):
    async with Place(answer) as place:
        with pytest.raises(NoAnswer):
            await place.post()


async def test_nobody_there_is_told():
    async with Place() as place:
        place.server.close()
        await place.server.wait_closed()
        with pytest.raises(NoAnswer, match="ConnectionRefusedError"):
            await place.post()
