"""Two readers of the registry's decisions, as while one pod follows another: each decision is taken by one of them."""

import pytest
from sqlalchemy import delete

from millrace_contracts.decisions import DecisionFeed
from millrace_monitoring.notices import queries
from millrace_monitoring.notices.tables import Followed

from .others import listening
from .telling import alarm


@pytest.fixture(params=["sqlite", "postgresql"])
def readers(request, desk):
    """A desk on either database."""
    if request.param == "sqlite":
        return desk()
    return desk(database_url=request.getfixturevalue("database"))


async def test_two_that_look_for_the_first_time_agree_where_to_begin(readers):
    async with readers as told:
        async with told.services.sessions.begin() as session:
            await session.execute(delete(Followed))
        assert await told.read_by_two(DecisionFeed(items=[], last=3), DecisionFeed(items=[], last=4)) == [
            0,
            0,
        ]
        async with told.services.readers() as session:
            assert await queries.through(session) in (3, 4)


async def test_of_two_that_read_at_once_one_takes_all_and_people_are_told_once(readers):
    async with listening() as ops, readers as told:
        await told.subscribe({"name": "ops", "webhook": {"url": ops.url}}, group="1m")
        registry = told.service.registry
        for cause in "abc":
            registry.record(alarm(f"drift:{cause}"))
        chain = [registry.chained(number, body) for number, body in enumerate(registry.decisions.values(), 1)]
        short, whole = (DecisionFeed.model_validate({"items": chain[:upto], "last": upto}) for upto in (2, 3))
        none, some = await told.read_by_two(short, whole)
        assert none == 0
        assert some in (2, 3)
        await told.happens()
        (message,) = await told.messages()
        assert [item["key"] for item in message["items"]] == [f"alarm id-of-drift:{cause}" for cause in "abc"]


async def test_who_read_less_takes_nobody_back(readers):
    async with readers as told:
        registry = told.service.registry
        for cause in "abc":
            registry.record(alarm(f"drift:{cause}"))
        await told.happens()
        async with told.services.sessions.begin() as session:
            assert not await queries.move_on(session, 0, 2)
            assert not await queries.move_on(session, None, 2)
        async with told.services.readers() as session:
            assert await queries.through(session) == 3
