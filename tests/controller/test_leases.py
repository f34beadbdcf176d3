"""One replica leads, another takes over in seconds, and a leader that slept too long changes nothing any more.

Two real controllers share one PostgreSQL; the last tests first show that they would catch a missing tenure.
"""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from millrace_controller.clock import worker
from millrace_controller.leases import leader, queries, tenure
from millrace_controller.production import champion
from millrace_controller.runs import opening, tending

from .conftest import closed, day, document, in_process, made_home, running
from .fakes import World

PUSHED = {"data": {"dataset": "sales"}, "triggers": {"newData": {"rows": 100}}, "rollout": {}}


@asynccontextmanager
async def replicas(tmp_path, migrated, monkeypatch, world):
    """Two controllers, a and b, on the database that the environment names."""
    monkeypatch.setenv("MILLRACE_POD_NAME", "a")
    async with running(made_home(tmp_path / "a", migrated), world) as a:
        monkeypatch.setenv("MILLRACE_POD_NAME", "b")
        async with running(made_home(tmp_path / "b", migrated), world) as b:
            yield a, b


async def leads(platform):
    """Wait until a replica leads, for less than a lease of sixty seconds lasts."""
    async with asyncio.timeout(30):
        while platform.services.leadership.tenure is None:
            await asyncio.sleep(0.02)


async def take(platform, seconds=60.0):
    async with platform.services.sessions.begin() as session:
        epoch = await queries.take(session, leader.LEASE, platform.services.settings.pod_name, seconds)
    return None if epoch is None else tenure.Tenure(leader.LEASE, epoch)


async def within(term, work):
    """Do *work* as the leader of *term* does."""

    async def task():
        tenure.TENURE.set(term)
        return await work

    return await asyncio.create_task(task())


class TestTheTable:
    @pytest.fixture(params=["sqlite", "postgresql"])
    async def platform(self, request, monkeypatch, home, world, still, url):
        if request.param == "sqlite":
            monkeypatch.delenv("MILLRACE_DATABASE_URL")
        async with running(home, world) as platform:
            yield platform

    async def test_a_lease_is_taken_once_renewed_and_released(self, platform):
        async with platform.services.sessions.begin() as session:
            assert await queries.take(session, "x", "a", 60) == 1
            assert await queries.take(session, "x", "b", 60) is None
            assert await queries.renew(session, "x", 1, 60)
            assert (await queries.read(session, "x"))[:2] == ("a", 1)
            assert await queries.release(session, "x", 1)
            assert await queries.take(session, "x", "b", 60) == 2
            assert not await queries.renew(session, "x", 1, 60)
            assert not await queries.release(session, "x", 1)

    async def test_a_lease_that_ran_out_is_anybodys(self, platform):
        async with platform.services.sessions.begin() as session:
            assert await queries.take(session, "x", "a", -1) == 1
            assert await queries.renew(session, "x", 1, -1), "nobody else took it: it is still held"
            assert await queries.take(session, "x", "b", 60) == 2

    async def test_who_comes_back_under_the_same_name_need_not_wait(self, platform):
        async with platform.services.sessions.begin() as session:
            assert await queries.take(session, "x", "a", 60) == 1
            assert await queries.take(session, "x", "a", 60) == 2
            assert not await queries.holds(session, "x", 1)


@pytest.fixture
def quick(monkeypatch):
    """The same rules within a second."""
    for name, seconds in (("SECONDS", 1.0), ("RENEW_SECONDS", 0.2), ("ASK_SECONDS", 0.1)):
        monkeypatch.setattr(leader, name, seconds)
    monkeypatch.setattr(worker, "EVERY", 0.2)
    monkeypatch.setattr(tending, "tend", in_process)


def test_a_leader_that_dies_is_followed_within_fifteen_seconds():
    assert leader.SECONDS + leader.ASK_SECONDS + 1 < 15
    assert leader.RENEW_SECONDS * 3 < leader.SECONDS


async def test_of_two_replicas_one_works_and_both_answer(tmp_path, migrated, monkeypatch, quick, url):
    world = World()
    world.add_data("sales", 1000)
    async with replicas(tmp_path, migrated, monkeypatch, world) as (a, b):
        await leads(a)
        await b.apply(document())
        for _ in range(200):
            if (await b.loop())["champion"] == 1:
                break
            await asyncio.sleep(0.05)
        assert [run["state"] for run in await b.runs()] == ["promoted"]
        assert world.alias_moves == [("sales", "champion", 1)]
        assert b.services.leadership.tenure is None


async def test_a_leader_of_which_a_task_dies_gives_the_lease_back_and_begins_again(
    home, world, quick, monkeypatch
):
    deaths = []

    async def dies(services):
        deaths.append(services.leadership.tenure.epoch)
        if len(deaths) == 1:
            raise AttributeError("a mistake of ours")
        await asyncio.Event().wait()

    async def ends(app):
        """One that has nothing to do here."""

    monkeypatch.setattr("millrace_controller.main.leading", lambda _: leader.leading([ends, dies]))
    async with running(home, world) as platform:
        async with asyncio.timeout(30):
            while len(deaths) < 2:
                await asyncio.sleep(0.02)
        assert deaths == [1, 2]
        await leads(platform)


async def test_decisions_leave_a_leader_as_soon_as_they_are_made(home, world, quick, monkeypatch):
    """Its next look by itself is ten minutes away."""
    monkeypatch.setenv("MILLRACE_DECISION_SECONDS", "600")
    async with running(home, world) as platform:
        await leads(platform)
        assert platform.services.settings.decision_seconds == 600
        await platform.apply(document())
        async with asyncio.timeout(30):
            while not any(item["kind"] == "loop.applied" for item in world.decisions.values()):
                await asyncio.sleep(0.02)


async def test_an_orderly_end_hands_over_at_once(tmp_path, migrated, monkeypatch, quick, url):
    monkeypatch.setattr(leader, "SECONDS", 60.0)
    async with AsyncExitStack() as first:
        monkeypatch.setenv("MILLRACE_POD_NAME", "b")
        b = await first.enter_async_context(running(made_home(tmp_path / "b", migrated), World()))
        await leads(b)
        monkeypatch.setenv("MILLRACE_POD_NAME", "a")
        async with running(made_home(tmp_path / "a", migrated), World()) as a:
            await asyncio.sleep(0.3)
            assert a.services.leadership.tenure is None
            await first.aclose()
            await leads(a)
            assert a.services.leadership.tenure.epoch == 2


async def test_a_leader_that_slept_learns_that_it_is_none_any_more(
    tmp_path, migrated, monkeypatch, quick, url
):  # fmt: skip
    renew, asleep = queries.renew, asyncio.Event()

    async def sleepy(session, name, epoch, seconds):
        if epoch == 1:
            await asleep.wait()
        return await renew(session, name, epoch, seconds)

    monkeypatch.setattr(queries, "renew", sleepy)
    async with replicas(tmp_path, migrated, monkeypatch, World()) as (a, b):
        await leads(a)
        await leads(b)
        assert a.services.leadership.tenure.epoch == 1, "asleep, it does not know"
        asleep.set()
        for _ in range(100):
            if a.services.leadership.tenure is None:
                break
            await asyncio.sleep(0.05)
        assert (a.services.leadership.tenure, b.services.leadership.tenure.epoch) == (None, 2)


@pytest.fixture
def by_hand(monkeypatch, still):
    """No replica leads by itself: the test says who does."""

    async def nothing(app):
        return None

    monkeypatch.setattr("millrace_controller.main.leading", lambda tasks: nothing)


@pytest.fixture(params=[True, False], ids=["guarded", "planted: not guarded"])
def guarded(request, monkeypatch):
    if not request.param:

        async def nothing(session, lock=False):
            return None

        monkeypatch.setattr(tenure, "check", nothing)
    return request.param


class Pause:
    """Holds the caller of a function up on its first call within a term, until it is let go."""

    def __init__(self, monkeypatch, module, name, before=False):
        self.reached, self.go, self.inner, self.before = (
            asyncio.Event(),
            asyncio.Event(),
            getattr(module, name),
            before,
        )
        monkeypatch.setattr(module, name, self)

    async def __call__(self, *args):
        if self.reached.is_set() or tenure.TENURE.get() is None or tenure.TENURE.get().epoch != 1:
            return await self.inner(*args)
        found = None if self.before else await self.inner(*args)
        self.reached.set()
        await self.go.wait()
        return await self.inner(*args) if self.before else found


async def test_a_leader_that_slept_opens_no_second_run(
    tmp_path, migrated, monkeypatch, by_hand, guarded, url
):  # fmt: skip
    world = World()
    world.add_data("sales", 1000)
    async with replicas(tmp_path, migrated, monkeypatch, world) as (a, b):
        await a.apply(document(**PUSHED))
        await a.rest()
        term = await take(a, seconds=0)
        world.add_data("sales", 100)
        pause = Pause(monkeypatch, opening, "pushed_rows")
        old = asyncio.create_task(within(term, worker.step(a.services, 1)))
        await asyncio.wait(
            [old, asyncio.create_task(pause.reached.wait())], timeout=10, return_when="FIRST_COMPLETED"
        )
        assert not old.done(), old.result()
        world.add_data("sales", 50)
        await within(await take(b), b.rest())
        pause.go.set()
        (error,) = await asyncio.gather(old, return_exceptions=True)
        assert isinstance(error, tenure.Deposed) == guarded
        numbers = [run["number"] for run in await b.runs()]
        assert numbers == ([1, 2] if guarded else [1, 2, 3]), "the same rows opened two runs"


async def test_a_leader_that_slept_promotes_nothing_again(
    tmp_path, migrated, monkeypatch, by_hand, guarded, url
):  # fmt: skip
    world = World()
    world.add_data("sales", 1000)
    async with replicas(tmp_path, migrated, monkeypatch, world) as (a, b):
        await a.apply(document())
        await a.rest()
        await closed(a, *range(1, 31))
        term = await take(a, seconds=0)
        world.close("sales", day(31))
        pause = Pause(monkeypatch, champion, "install", before=True)
        old = asyncio.create_task(within(term, a.rest()))
        await asyncio.wait(
            [old, asyncio.create_task(pause.reached.wait())], timeout=10, return_when="FIRST_COMPLETED"
        )
        assert not old.done(), old.result()
        await within(await take(b), b.rest())
        assert world.aliases["sales", "champion"] == 2
        await b.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 1})
        pause.go.set()
        (error,) = await asyncio.gather(old, return_exceptions=True)
        assert isinstance(error, tenure.Deposed) == guarded
        moves = [move[2] for move in world.alias_moves]
        assert moves == ([1, 2, 1] if guarded else [1, 2, 1, 2]), "a version was promoted twice"


async def test_a_pass_that_is_deposed_ends_without_a_word(home, world, by_hand):
    async with running(home, world) as platform:
        await platform.apply(document())
        term = await take(platform, seconds=0)
        platform.services.settings.pod_name = "other"
        await take(platform)
        await within(term, worker.one_pass(platform.services, 1))
        assert (await platform.loop())["message"] == ""
