"""A decision leaves as soon as it is committed, and not before; nobody has to look for it all the time."""

import asyncio
import json
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy.orm import DeclarativeBase

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.decisions import decision
from millrace_core import database
from millrace_core.outbox import CAUSE_SECONDS, OutboxMixin, Patience, decide, deliver, deliver_forever


class Table(DeclarativeBase):
    metadata = database.metadata()


class Outbox(OutboxMixin, Table):
    pass


class Registry:
    """Takes decisions, and tells when one has come."""

    def __init__(self):
        self.taken, self.came, self.chain = [], asyncio.Event(), set()

    async def record_as_written(self, written, after_cause=False, *, project):
        if after_cause and written["cause"] is not None and written["cause"] not in self.chain:
            raise ApiError(424, {}, "/v1/decisions")
        self.chain.add(written["id"])
        self.taken.append(written["subject"])
        self.came.set()


@pytest.fixture
async def still(tmp_path):
    """The part of a service that delivers; nothing runs beside the test."""
    engine = database.engine(f"sqlite+aiosqlite:///{tmp_path}/state.db")
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    services = SimpleNamespace(
        sessions=database.sessions(engine),
        readers=database.sessions(engine, read_only=True),
        settings=SimpleNamespace(decision_seconds=600.0),
        known={},
        clients=SimpleNamespace(registry=Registry()),
    )
    yield services
    await engine.dispose()


@pytest.fixture
async def services(still):
    """The same with its background task; its next look by itself is ten minutes away."""
    task = asyncio.create_task(deliver_forever(Outbox)(still))
    await asyncio.sleep(0.1)
    yield still
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def made(subject, loop="sales", **more):
    return decision(
        project="default", loop=loop, kind="loop.paused", subject=subject, outcome="paused",
        event_time=None, author="user:ada", reason="It is paused.", **more,
    )  # fmt: skip


async def test_a_decision_is_sent_when_its_transaction_is_committed_and_not_before(services):
    registry = services.clients.registry
    async with services.sessions.begin() as session:
        await decide(session, Outbox, made("one"))
        await asyncio.sleep(0.1)
        assert registry.taken == []
    async with asyncio.timeout(30):
        await registry.came.wait()
    assert registry.taken == ["one"]


async def test_a_decision_of_a_transaction_that_failed_is_not_sent(services):
    async def fail():
        async with services.sessions.begin() as session:
            await decide(session, Outbox, made("never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with services.sessions.begin() as session:
        await decide(session, Outbox, made("two"))
    async with asyncio.timeout(30):
        await services.clients.registry.came.wait()
    assert services.clients.registry.taken == ["two"]


async def test_a_decision_within_a_savepoint_is_sent_too(services):
    async with services.sessions.begin() as session:
        async with session.begin_nested():
            await decide(session, Outbox, made("three"))
        await asyncio.sleep(0.1)
    async with asyncio.timeout(30):
        await services.clients.registry.came.wait()
    assert services.clients.registry.taken == ["three"]


async def tell_early(services):
    """Two decisions of one loop whose first one's cause another service has yet to tell, and one of another loop."""
    cause = made("cause")
    async with services.sessions.begin() as session:
        await decide(session, Outbox, made("effect", cause=cause.id))
        await decide(session, Outbox, made("after it"))
        await decide(session, Outbox, made("of another loop", "costs"))
    return cause.model_dump(mode="json")


async def test_a_decision_follows_its_cause_and_what_comes_after_it_in_its_loop_waits_too(services):
    registry, cause = services.clients.registry, await tell_early(services)
    async with asyncio.timeout(20):
        await registry.came.wait()
        assert registry.taken == ["of another loop"]
        await registry.record_as_written(cause, project="default")
        while len(registry.taken) < 4:
            registry.came.clear()
            await registry.came.wait()
    assert registry.taken == ["of another loop", "cause", "effect", "after it"]


async def test_a_cause_that_is_lost_keeps_nothing_back_for_ever(still):
    now, registry = [0.0], still.clients.registry
    await tell_early(still)
    patience = Patience(lambda: now[0])
    assert await deliver(still, Outbox, patience) == 1
    now[0] = CAUSE_SECONDS - 1
    assert await deliver(still, Outbox, patience) == 0
    now[0] = CAUSE_SECONDS
    assert await deliver(still, Outbox, patience) == 2
    assert registry.taken == ["of another loop", "effect", "after it"]


async def test_a_decision_that_another_version_wrote_down_goes_as_it_stands(still):
    sent = []

    def take(request):
        sent.append((request.method, request.url.path, dict(request.url.params), json.loads(request.content)))
        return httpx.Response(201, json={})

    still.clients = AsyncMillrace({"registry": "http://registry"}, "secret")
    still.clients.registry.api._client = httpx.AsyncClient(
        transport=httpx.MockTransport(take), base_url="http://registry"
    )
    body = {"id": "old", "loop": "sales", "kind": "a.kind.of.then", "gone": 1, "evidence": {"x": 0.123456789}}
    async with still.sessions.begin() as session:
        session.add(Outbox(id="old", project="team", body=body, recorded_at=database.utcnow()))
    assert await deliver(still, Outbox) == 1
    assert sent == [("POST", "/v1/decisions", {"project": "team", "after_cause": "true"}, body)]
