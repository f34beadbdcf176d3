"""A decision leaves as soon as it is committed, and not before; nobody has to look for it all the time."""

import asyncio
from types import SimpleNamespace

import pytest
from sqlalchemy.orm import DeclarativeBase

from millrace.decisions import decision
from millrace_core import database
from millrace_core.outbox import OutboxMixin, decide, deliver_forever


class Table(DeclarativeBase):
    metadata = database.metadata()


class Outbox(OutboxMixin, Table):
    pass


class Registry:
    """Takes decisions, and tells when one has come."""

    def __init__(self):
        self.taken, self.came = [], asyncio.Event()

    async def post(self, path, json, project):
        self.taken.append(json["subject"])
        self.came.set()


@pytest.fixture
async def services(tmp_path):
    """The part of a service that delivers; its next look by itself is ten minutes away."""
    engine = database.engine(f"sqlite+aiosqlite:///{tmp_path}/state.db")
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    services = SimpleNamespace(
        sessions=database.sessions(engine),
        readers=database.sessions(engine, read_only=True),
        settings=SimpleNamespace(decision_seconds=600.0),
        apis=SimpleNamespace(registry=Registry()),
    )
    task = asyncio.create_task(deliver_forever(Outbox)(services))
    await asyncio.sleep(0.1)
    yield services
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await engine.dispose()


def made(subject):
    return decision(
        project="default", loop="sales", kind="loop.paused", subject=subject, outcome="paused",
        event_time=None, author="user:ada", reason="It is paused.",
    )  # fmt: skip


async def test_a_decision_is_sent_when_its_transaction_is_committed_and_not_before(services):
    registry = services.apis.registry
    async with services.sessions.begin() as session:
        await decide(session, Outbox, made("one"))
        await asyncio.sleep(0.1)
        assert registry.taken == []
    async with asyncio.timeout(2):
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
    async with asyncio.timeout(2):
        await services.apis.registry.came.wait()
    assert services.apis.registry.taken == ["two"]


async def test_a_decision_within_a_savepoint_is_sent_too(services):
    async with services.sessions.begin() as session:
        async with session.begin_nested():
            await decide(session, Outbox, made("three"))
        await asyncio.sleep(0.1)
    async with asyncio.timeout(2):
        await services.apis.registry.came.wait()
    assert services.apis.registry.taken == ["three"]
