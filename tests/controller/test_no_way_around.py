"""No order of requests brings a candidate into production that people have not approved as it was.

Each planted bug is first shown to be seen; then a state machine looks for a way that nobody thought of.
"""

import asyncio
import contextlib
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from millrace_controller.approvals import deciding, queries
from millrace_controller.runs import approval, binding, rolling_out

from .conftest import day, made_home, running
from .fakes import World
from .ledger import Ledger, WayAround
from .people import People, approved, introduce
from .test_approvals import Clock

DOCUMENTS = (
    approved(of=2, within="2d"),
    approved(of=2, within="2d") | {"spec": approved(of=2, within="2d")["spec"] | {"cooldown": "3d"}},
    approved(of=2, within="1d"),
)
PEOPLE = st.sampled_from(["ada", "bob", "cyd", "eve", "admin"])


class Way:
    """One controller, its people, and the ledger; every method is one thing that somebody may do."""

    def __init__(self, platform, clock):
        self.platform, self.clock = platform, clock
        self.people, self.ledger = People(platform), Ledger(platform, clock)
        self.digests, self.days = {}, 0

    async def apply(self, who, number=0):
        answer = await self.people.apply(who, DOCUMENTS[number], None)
        if "generation" in answer:
            self.ledger.declared(DOCUMENTS[number], who)

    async def rest(self):
        await self.platform.rest()
        for run in await self.platform.runs():
            self.ledger.opened(run["number"])
            if run["state"] == "awaiting-approval" and run["number"] not in self.digests:
                self.ledger.waits(run["number"], run["version"], run["approval"]["until"])
                self.digests[run["number"]] = run["approval"]["digest"]

    async def retrain(self, who):
        answer = await self.people.call(who, "POST", "/v1/loops/sales:retrain", json={})
        if "number" in answer:
            self.ledger.askers.setdefault(answer["number"], who)
        await self.rest()

    async def approve(self, who, run=None, looked_at=None):
        run = run or max(self.digests, default=1)
        looked_at = looked_at or run
        body = {"digest": self.digests.get(looked_at, "sha256:" + "0" * 64), "reason": ""}
        answer = await self.people.call(
            who, "POST", f"/v1/loops/sales/runs/{run}/approval:approve", json=body
        )
        if "given" in answer:
            self.ledger.approved(run, who, looked_at)

    async def reject(self, who):
        run = max(self.digests, default=1)
        body = {"digest": self.digests.get(run, "sha256:" + "0" * 64), "reason": "no"}
        answer = await self.people.call(who, "POST", f"/v1/loops/sales/runs/{run}/approval:reject", json=body)
        if "given" in answer:
            self.ledger.asked[run].rejected = True

    async def together(self, *people):
        await asyncio.gather(*(self.approve(who) for who in people))

    async def pipeline(self, run):
        """A pipeline's step asks again, out of its turn."""
        for version in range(1, len(self.platform.world.models["sales"]) + 1):
            await self.people.call(
                "admin", "POST", f"/v1/loops/sales/runs/{run}/rollout", json={"version": version}
            )

    async def rollback(self):
        await self.people.call("eve", "POST", "/v1/loops/sales:rollback", json={})

    async def day(self):
        self.days += 1
        self.platform.world.close("sales", day(self.days))
        await self.rest()

    async def other_bytes(self):
        """Somebody changes what was registered last, past the registry's promises."""
        if self.platform.world.models["sales"]:
            self.platform.world.models["sales"][-1]["digest"] = "sha256:" + "f" * 64

    async def champion(self):
        """Version 1 in production, asked for by nobody in particular and approved by two."""
        await self.apply("eve")
        await self.rest()
        await self.together("ada", "bob")
        await self.rest()

    async def second(self, who="eve"):
        await self.champion()
        await self.retrain(who)


@contextlib.asynccontextmanager
async def way(place, migrated, patch):
    home, world = made_home(place, migrated), World()
    introduce(home, **dict.fromkeys(("ada", "bob", "cyd", "eve"), "admin"))
    world.add_data("sales", 1000)
    async with running(home, world) as platform:
        yield Way(platform, Clock(patch))


@pytest.fixture
async def open_way(tmp_path, migrated, still, monkeypatch):
    async with way(tmp_path / "home", migrated, monkeypatch) as made:
        yield made


async def self_approval(way):
    await way.second("ada")
    await way.approve("ada")


async def twice(way):
    await way.second()
    await way.approve("ada")
    await way.approve("ada")
    await way.rest()


async def replayed(way):
    await way.second()
    await way.approve("ada", run=2, looked_at=1)


async def too_few(way):
    await way.second()
    await way.approve("ada")
    await way.rest()


async def at_one_time(way):
    await way.second()
    await way.together("ada", "ada", "ada")
    await way.rest()


async def stale_champion(way):
    await way.second()
    await way.together("ada", "bob")
    await way.rest()
    for _ in range(3):
        await way.day()
    await way.retrain("eve")
    await way.together("ada", "bob")
    await way.rollback()
    await way.rest()


async def stale_document(way):
    await way.second()
    await way.together("ada", "bob")
    await way.apply("eve", 2)
    await way.rest()


async def other_bytes(way):
    await way.second()
    await way.together("ada", "bob")
    await way.other_bytes()
    await way.rest()


async def too_late(way):
    await way.second()
    await way.approve("ada")
    way.clock.move(days=2)
    await way.approve("bob")
    await way.rest()


async def by_the_pipeline(way):
    await way.apply("eve")
    await way.rest()
    await way.pipeline(1)


async def after_a_rejection(way):
    await way.second()
    await way.reject("ada")
    await way.together("bob", "cyd")
    await way.rest()
    await way.pipeline(2)


async def counts_alone(session, run, digest, now):
    """Counting without a look at the time, or at what was looked at."""
    run.approvals += 1
    await session.flush()


async def nobody_knows(session, run, person, author, verdict, digest, reason):
    """A vote that no constraint has seen."""
    return SimpleNamespace(person=person, author=author, verdict=verdict, reason=reason, digest=digest)


async def rejects_nothing(session, loop, run, state, why):
    """An end that does not end anything."""


def blind_to_self(patch):
    patch.setattr(deciding, "may_approve", lambda asked, actor: None)


def blind_to_persons(patch):
    patch.setattr(queries, "add", nobody_knows)


def blind_to_digests(patch):
    real = deciding._waits
    patch.setattr(
        deciding,
        "_waits",
        lambda run, said: real(run, SimpleNamespace(**vars(said) | {"digest": run.approval.digest})),
    )
    patch.setattr(queries, "count", counts_alone)


def blind_to_numbers(patch):
    real = approval.ApprovalAsked
    patch.setattr(approval, "ApprovalAsked", lambda **facts: real(**facts | {"of": 1}))


def blind_to_staleness(patch):
    patch.setattr(binding, "stale", lambda loop, run: None)
    patch.setattr(rolling_out, "_roll_out", _without_stable(rolling_out._roll_out))


def _without_stable(real):
    async def roll_out(services, loop, run, release, registered, stable):
        return await real(services, loop, run, release, registered, None)

    return roll_out


def blind_to_bytes(patch):
    real, known = rolling_out._release, {}

    async def release(services, loop, number, run):
        found = await real(services, loop, number, run)
        return found.model_copy(update={"digest": known.setdefault(number, found.digest)})

    patch.setattr(rolling_out, "_release", release)


def blind_to_time(patch):
    patch.setattr(approval, "expired", lambda run, now: False)
    patch.setattr(queries, "count", counts_alone)


def blind_to_demand(patch):
    patch.setattr(approval, "demanded", lambda loop, run: False)


def blind_to_rejection(patch):
    patch.setattr(approval, "end", rejects_nothing)


PLANTED = {
    "self": (blind_to_self, self_approval, "own run"),
    "the same person twice": (blind_to_persons, twice, "twice"),
    "two at one time": (blind_to_persons, at_one_time, "twice"),
    "replayed": (blind_to_digests, replayed, "what was said of run 1"),
    "too few": (blind_to_numbers, too_few, "with 1 of 2"),
    "another champion": (blind_to_staleness, stale_champion, "another champion"),
    "another document": (blind_to_staleness, stale_document, "another document"),
    "another digest": (blind_to_bytes, other_bytes, "other bytes"),
    "too late": (blind_to_time, too_late, "too late"),
    "a pipeline's step": (blind_to_demand, by_the_pipeline, "nobody was asked"),
    "rejected": (blind_to_rejection, after_a_rejection, "although it was rejected"),
}


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_bug_is_seen(open_way, monkeypatch, name):
    plant, walk, says = PLANTED[name]
    plant(monkeypatch)
    await walk(open_way)
    with pytest.raises(WayAround, match=says):
        open_way.ledger.check()


@pytest.mark.parametrize("name", PLANTED)
async def test_and_without_it_there_is_no_such_way(open_way, name):
    await PLANTED[name][1](open_way)
    open_way.ledger.check()
    assert open_way.ledger.begun in ([], [1], [1, 2])


class Everybody(RuleBasedStateMachine):
    """People, pipelines and the clock in any order."""

    migrated = folder = None

    def __init__(self):
        super().__init__()
        self.runner, self.patch = asyncio.Runner(), pytest.MonkeyPatch()
        self.open = way(self.folder("way") / "home", self.migrated, self.patch)
        self.way = self.do(self.open.__aenter__())
        self.do(self.way.champion())

    def do(self, what):
        return self.runner.run(what)

    def teardown(self):
        self.do(self.open.__aexit__(None, None, None))
        self.runner.close()
        self.patch.undo()

    @rule(who=PEOPLE)
    def retrain(self, who):
        self.do(self.way.retrain(who))

    @rule(who=PEOPLE, number=st.integers(0, len(DOCUMENTS) - 1))
    def apply(self, who, number):
        self.do(self.way.apply(who, number))

    @rule(who=PEOPLE, of_another=st.integers(0, 3))
    def approve(self, who, of_another):
        runs = sorted(self.way.digests)
        self.do(self.way.approve(who, runs[-1], runs[-1 - of_another % len(runs)]))

    @rule(who=PEOPLE, back=st.integers(0, 2))
    def approve_an_old_one(self, who, back):
        runs = sorted(self.way.digests)
        self.do(self.way.approve(who, runs[-1 - back % len(runs)]))

    @rule(one=PEOPLE, two=PEOPLE)
    def together(self, one, two):
        self.do(self.way.together(one, two))

    @rule(who=PEOPLE)
    def reject(self, who):
        self.do(self.way.reject(who))

    @rule()
    def rest(self):
        self.do(self.way.rest())

    @rule(hours=st.sampled_from([1, 23, 24, 47]))
    def wait(self, hours):
        self.way.clock.move(hours=hours)

    @rule(seconds=st.sampled_from([-1, 0]), one=PEOPLE, two=PEOPLE)
    def approve_as_it_expires(self, seconds, one, two):
        asked = self.way.ledger.asked[max(self.way.digests)]
        self.way.clock.now = max(self.way.clock.now, asked.until + timedelta(seconds=seconds))

        async def at_once():
            await asyncio.gather(self.way.together(one, two), self.way.platform.rest())
            await self.way.rest()

        self.do(at_once())

    @rule(run=st.integers(1, 4))
    def pipeline(self, run):
        self.do(self.way.pipeline(run))

    @rule()
    def rollback(self):
        self.do(self.way.rollback())

    @rule()
    def day(self):
        self.do(self.way.day())

    @rule()
    def other_bytes(self):
        self.do(self.way.other_bytes())

    @invariant()
    def nothing_went_past_people(self):
        self.way.ledger.check()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_order_of_requests_is_a_way_around(migrated, still, tmp_path_factory):
    Everybody.migrated, Everybody.folder = migrated, staticmethod(tmp_path_factory.mktemp)
    run_state_machine_as_test(
        Everybody,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
