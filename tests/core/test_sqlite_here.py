"""A database that need not last runs its statements where they are awaited, and its transactions still wait in turn."""

import asyncio
import sqlite3
import threading
import warnings

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from millrace_core import database, sqlite_here


@pytest.fixture
async def opened(tmp_path):
    engine = database.engine(f"sqlite+aiosqlite:///{tmp_path}/state.db", lasting=False)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE counts (name TEXT PRIMARY KEY, number INTEGER)"))
        await connection.execute(text("INSERT INTO counts VALUES ('days', 0)"))
    yield engine
    await engine.dispose()


async def add(engine):
    async with database.sessions(engine).begin() as session:
        await session.execute(text("UPDATE counts SET number = number + 1"))


async def number(engine):
    async with database.sessions(engine, read_only=True)() as session:
        return await session.scalar(text("SELECT number FROM counts"))


async def test_statements_take_no_thread_and_nothing_is_left_open(tmp_path):
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine = database.engine(f"sqlite+aiosqlite:///{tmp_path}/state.db", lasting=False)
        async with engine.begin() as connection:
            here = await connection.scalar(text("SELECT 1"))
        assert set(threading.enumerate()) == before
        await engine.dispose()
    assert here == 1


async def test_transactions_that_write_wait_for_each_other_while_everything_else_goes_on(opened):
    sessions = database.sessions(opened)
    steps = 0

    async def count():
        async with sessions.begin() as session:
            was = await session.scalar(text("SELECT number FROM counts"))
            await asyncio.sleep(0.01)
            await session.execute(text("UPDATE counts SET number = :new"), {"new": was + 1})

    async def beside():
        nonlocal steps
        while True:
            await asyncio.sleep(0)
            steps += 1

    other = asyncio.create_task(beside())
    await asyncio.gather(*(count() for _ in range(6)))
    other.cancel()
    assert await number(opened) == 6, "none of them read what another was about to change"
    assert steps > 20


async def test_who_reads_does_not_wait_for_who_writes(opened):
    async with database.sessions(opened).begin() as session:
        await session.execute(text("UPDATE counts SET number = 7"))
        assert await asyncio.wait_for(number(opened), 1) == 0
    assert await number(opened) == 7


async def test_a_lock_that_another_process_keeps_is_waited_for_and_then_told(opened, tmp_path, monkeypatch):
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.05, other.execute, "ROLLBACK")
    await add(opened)
    assert await number(opened) == 1
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(sqlite_here, "WAIT_SECONDS", 0.05)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await add(opened)
    other.close()


async def test_what_a_statement_raises_is_what_it_raises_elsewhere_and_nothing_of_it_stays(opened):
    async def twice():
        async with database.sessions(opened).begin() as session:
            await session.execute(text("UPDATE counts SET number = 5"))
            await session.execute(text("INSERT INTO counts VALUES ('days', 1)"))

    with pytest.raises(IntegrityError):
        await twice()
    assert await number(opened) == 0


async def test_a_task_that_is_cancelled_while_it_waits_for_the_lock_leaves_the_lock_alone(opened):
    async with database.sessions(opened).begin() as session:
        await session.execute(text("UPDATE counts SET number = 10"))
        waiting = asyncio.create_task(add(opened))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(add(opened), 5)
    assert await number(opened) == 11
