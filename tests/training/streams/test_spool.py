"""Batches that come while others are written share the next commit, and each gets its own answer."""

import asyncio
import threading
from functools import partial

import pytest

from millrace_core.errors import Conflict, NotFound, TooMany
from millrace_training.spool import Spool
from millrace_training.streams import batches, queries
from millrace_training.streams.queries import Sent


class Slow:
    """Transactions that wait to be let go; the lot of each is counted."""

    def __init__(self, direct):
        self.direct, self.go, self.lots = direct, threading.Event(), 0

    async def run(self, act):
        self.lots += 1
        assert await asyncio.to_thread(self.go.wait, 30)
        return await self.direct.run(act)


@pytest.fixture
async def slow(serve, request):
    """The service's transactions, held up, with the stream `shops` opened; on PostgreSQL if the test says so."""
    postgresql = getattr(request, "param", "sqlite") == "postgresql"
    where = {"database_url": request.getfixturevalue("database")} if postgresql else {}
    async with serve(stream_seconds=3600, **where) as http:
        services = http.app.state.services
        async with services.sessions.begin() as session:
            await queries.make(session, "default", "shops")
        yield Slow(services.direct)


def sent(key, body=b'{"n": 1}', loop="shops"):
    return Sent("default", loop, key, batches.read(body))


async def kept(slow, *all, most_bytes=2**20):
    """The answers to what comes while the first one is being written."""
    spool, write, tasks = Spool(slow), partial(queries.keep, most_bytes=most_bytes), []
    for one in all:
        tasks.append(asyncio.create_task(spool.keep(one, write)))
        await asyncio.sleep(0)
    slow.go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_commit_serves_all_who_came_meanwhile(slow):
    told = await kept(slow, *[sent(f"k{n}") for n in range(20)])
    assert [answer.number for answer in told] == list(range(1, 21))
    assert slow.lots == 2


@pytest.mark.parametrize("slow", ["sqlite", "postgresql"], indirect=True)
async def test_each_of_a_lot_has_its_own_answer(slow):
    all = (
        sent("a"),
        sent("b"),
        sent("b"),
        sent("b", b'{"n": 2}'),
        sent("c", loop="nowhere"),
        sent("a"),
        sent("d"),
    )
    first, b, again, other, nowhere, a, d = await kept(slow, *all)
    assert (first.number, b.number, d.number) == (1, 2, 3)
    assert (again.number, again.repeated, a.number, a.repeated) == (2, True, 1, True)
    assert isinstance(other, Conflict)
    assert isinstance(nowhere, NotFound)


async def test_a_full_stream_refuses_the_rest_of_a_lot_and_knows_what_it_has(slow):
    two = len(batches.read(b'{"n": 1}').data) + 1
    told = await kept(slow, *[sent(f"k{n}") for n in range(4)], sent("k1"), most_bytes=two)
    assert [type(answer) for answer in told[2:4]] == [TooMany, TooMany]
    assert (told[1].number, told[4].number, told[4].repeated) == (2, 2, True)


async def test_who_goes_away_keeps_nobody_waiting(slow):
    spool, write = Spool(slow), partial(queries.keep, most_bytes=2**20)
    gone = asyncio.create_task(spool.keep(sent("a"), write))
    await asyncio.sleep(0)
    gone.cancel()
    stays = asyncio.create_task(spool.keep(sent("a"), write))
    await asyncio.sleep(0)
    slow.go.set()
    told = await stays
    assert (told.number, told.repeated) == (1, True)
