"""Approvals: who may, of what, until when; and what comes of it."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client import REGISTRY

from millrace_contracts.people import PERSONAL, TokenGrant, TokenStanding
from millrace_contracts.release import Files
from millrace_controller.approvals import metrics, queries
from millrace_controller.clock.queries import urgencies
from millrace_controller.runs import approval
from millrace_controller.runs import queries as runs
from millrace_core import database
from millrace_core.errors import Conflict
from millrace_core.personal import Personal

from .conftest import champion_everywhere, closed, document, made_home, running
from .fakes import World
from .people import People, approved, introduce

WEEK = timedelta(days=7)


class Clock:
    """The wall clock that approvals look at."""

    def __init__(self, monkeypatch):
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
        for place in ("runs.approval", "runs.queries", "approvals.deciding", "approvals.controller"):
            monkeypatch.setattr(f"millrace_controller.{place}.utcnow", lambda: self.now)
        monkeypatch.setattr("millrace_controller.clock.queries.utcnow", lambda: self.now)
        assert database.utcnow() != self.now

    def move(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
async def people(home, world, still, clock):
    introduce(home)
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        yield People(platform)


async def first(people, body=None):
    """A first candidate that waits; eve has declared the loop."""
    await people.apply("eve", body or approved())
    await people.platform.rest()
    return (await people.waits())["number"]


async def second(people):
    """Version 1 is champion, and a run that eve asked for by hand waits with version 2."""
    run = await first(people)
    await people.approve("ada", run)
    await people.platform.rest()
    await champion_everywhere(people.platform, 1)
    await people.call("eve", "POST", "/v1/loops/sales:retrain", 201, json={})
    await people.platform.rest()
    return (await people.waits())["number"]


def kinds(world):
    return [body["kind"] for body in world.decisions.values()]


class TestWaiting:
    async def test_what_passed_its_gates_waits_with_its_evidence_and_serves_nobody(self, people, clock):
        run = await first(people, approved(of=2, within="3d"))
        world = people.platform.world
        assert world.endpoints["sales"]["rollouts"] == []
        assert world.aliases == {}
        asked = await people.asked(run)
        assert (asked["state"], asked["of"], asked["given"]) == ("waiting", 2, [])
        assert asked["event_time"] == (await people.platform.runs())[0]["opened_at"]
        assert asked["requesters"] == ["eve"]
        assert asked["by"] == ["approver"]
        assert asked["verdict"]["verdict"] == "passed"
        assert asked["metrics"]["candidate"]["rmse"]
        assert asked["bound"]["version"] == 1
        assert asked["bound"]["champion"] is None
        assert datetime.fromisoformat(asked["until"]) == clock.now + timedelta(days=3)
        loop = await people.platform.loop()
        assert loop["phase"] == "awaiting-approval"
        assert loop["settled"]
        told = {item["type"]: item for item in loop["conditions"]}
        assert (told["Approved"]["status"], told["Approved"]["reason"]) == ("Unknown", "Waiting")
        assert "0 of 2 approvals" in told["Approved"]["message"]
        assert told["Progressing"]["reason"] == "AwaitingApproval"
        listed = (await people.call("vic", "GET", "/v1/approvals", 200))["items"]
        assert [(item["loop"], item["run"]) for item in listed] == [("sales", run)]
        assert "approval.asked" in kinds(world)

    async def test_the_way_back_that_a_run_finds_asks_nobody_as_that_version_was_in_production(self, people):
        run = await second(people)
        await people.approve("ada", run)
        await closed(people.platform, *range(1, 8))
        await champion_everywhere(people.platform, 2)
        world = people.platform.world
        world.losses, world.archived = lambda dataset, run: (20.0, 10.0), lambda version: 7.0
        await people.call("eve", "POST", "/v1/loops/sales:retrain", 201, json={})
        await people.platform.rest()
        last = await people.newest()
        assert (last["state"], last["verdict"]["back"]) == ("rejected", 1)
        await people.call("vic", "GET", f"/v1/loops/sales/runs/{last['number']}/approval", 404)
        await closed(people.platform, 8)
        await champion_everywhere(people.platform, 1)

    async def test_a_loop_without_the_gate_asks_nobody(self, people):
        await people.apply("eve", document())
        await people.platform.rest()
        await champion_everywhere(people.platform, 1)
        await people.call("vic", "GET", "/v1/loops/sales/runs/1/approval", 404)
        assert (await people.call("vic", "GET", "/v1/approvals", 200))["items"] == []

    async def test_many_people_with_long_names_are_asked_like_few(self, people):
        names = [f"{number:03}-{'long' * 50}@login.example" for number in range(20)]
        run = await first(people, approved(by=names, of=2))
        assert (await people.asked(run))["by"] == names

    async def test_one_person_written_in_two_ways_is_named_twice(self, people):
        refused = await people.apply("eve", approved(by=["ada", "Ada"], of=2), 422)
        assert "by names somebody twice" in str(refused)

    async def test_days_close_while_it_waits_and_no_second_run_opens(self, people):
        run = await second(people)
        await closed(people.platform, *range(1, 41))
        assert (await people.newest())["number"] == run
        assert (await people.platform.loop())["settled_through"].startswith("2024-03-12")


class TestApproving:
    async def test_a_token_that_somebody_made_for_a_program_approves_and_rejects_nothing(self, people):
        async def ask(sha256):
            grants = [TokenGrant(role="approver")]
            until = datetime(2999, 1, 1, tzinfo=UTC)
            return TokenStanding(
                id="0" * 8, name="bob", identifier="https://i#bob", grants=grants, ends_at=until
            )

        run = await first(people)
        people.platform.services.tokens.personal = Personal(ask)
        body = {"digest": (await people.asked(run))["digest"], "reason": "it is green"}
        for what in ("approve", "reject"):
            path = f"/v1/loops/sales/runs/{run}/approval:{what}"
            shown = {"authorization": f"Bearer {PERSONAL}x"}
            refused = await people.platform.call("POST", path, 403, json=body, headers=shown)
            assert "people approve" in str(refused)
        assert (await people.approve("bob", run))["given"] == ["bob"], "bob himself does"

    async def test_enough_approvals_roll_it_out_and_are_in_the_chain_with_person_digest_and_reason(
        self, people
    ):
        run = await first(people, approved(of=2))
        one = await people.approve("ada", run, reason="looked at the slices")
        await people.platform.rest()
        assert one["state"] == "waiting"
        assert people.platform.world.aliases == {}
        two = await people.approve("bob", run)
        assert (two["state"], two["given"]) == ("approved", ["ada", "bob"])
        await people.platform.rest()
        await champion_everywhere(people.platform, 1)
        assert (await people.asked(run))["state"] == "used"
        given = [
            body for body in people.platform.world.decisions.values() if body["kind"] == "approval.given"
        ]
        assert [(body["author"], body["outcome"]) for body in given] == [
            ("user:ada", "approved"),
            ("user:bob", "approved"),
        ]
        assert all(body["evidence"]["approved"] == one["digest"] for body in given)
        assert "looked at the slices" in given[0]["reason"]
        votes = (await people.asked(run))["votes"]
        assert [(vote["person"], vote["verdict"]) for vote in votes] == [
            ("ada", "approved"),
            ("bob", "approved"),
        ]

    async def test_never_by_who_declared_the_loop(self, people):
        introduce(people.platform.services.settings.home, eve="approver", Eve="approver")
        await people.apply("admin", approved())
        await people.platform.rest()
        run = (await people.waits())["number"]
        refused = await people.approve("admin", run, 403)
        assert "declared the loop" in refused["detail"]

    async def test_never_by_who_asked_for_the_run_however_they_write_their_name(self, people):
        introduce(people.platform.services.settings.home, ADA="admin")
        run = await first(people)
        await people.approve("ada", run)
        await people.platform.rest()
        await people.call("ADA", "POST", "/v1/loops/sales:retrain", 201, json={})
        await people.platform.rest()
        run = (await people.waits())["number"]
        assert (await people.asked(run))["requesters"] == ["ADA", "eve"]
        for self_ in ("ADA", "ada"):
            await people.approve(self_, run, 403)
        await people.approve("bob", run)

    async def test_never_twice_by_the_same_person(self, people):
        run = await first(people, approved(of=2))
        await people.approve("ada", run)
        refused = await people.approve("ada", run, 409)
        assert "somebody else" in refused["detail"]
        assert (await people.asked(run))["given"] == ["ada"]

    async def test_only_those_who_are_named(self, people):
        run = await first(people, approved(by=["cyd"]))
        refused = await people.approve("ada", run, 403)
        assert "cyd" in refused["detail"]
        await people.reject("ada", run, expect=403)
        await people.approve("cyd", run)

    @pytest.mark.parametrize("who", ["eve", "vic"])
    async def test_only_by_an_approver(self, people, who):
        run = await first(people)
        refused = await people.approve(who, run, 403)
        assert "controller.approvals.write" in refused["detail"]

    async def test_no_part_of_millrace_approves(self, people):
        run = await first(people)
        assert "People approve" in (await people.approve("controller", run, 403))["detail"]

    async def test_what_was_looked_at_is_what_is_approved(self, people):
        run = await first(people)
        old = (await people.asked(run))["digest"]
        await people.approve("ada", run)
        await people.platform.rest()
        await people.call("eve", "POST", "/v1/loops/sales:retrain", 201, json={})
        await people.platform.rest()
        refused = await people.approve("bob", (await people.waits())["number"], 409, digest=old)
        assert "look at that first" in refused["detail"]

    async def test_two_at_the_same_time_are_counted_one_after_the_other(self, people):
        run = await first(people, approved(of=3))
        digest = (await people.asked(run))["digest"]
        await asyncio.gather(*(people.approve(who, run, digest=digest) for who in ("ada", "bob", "cyd")))
        assert sorted((await people.asked(run))["given"]) == ["ada", "bob", "cyd"]
        await people.platform.rest()
        await champion_everywhere(people.platform, 1)

    async def test_one_person_at_the_same_time_twice_counts_once(self, people):
        run = await first(people, approved(of=2))
        digest = (await people.asked(run))["digest"]
        answers = await asyncio.gather(*(people.approve("ada", run, None, digest=digest) for _ in range(4)))
        assert sorted("state" in answer for answer in answers) == [False, False, False, True]
        await people.platform.rest()
        assert (await people.waits())["number"] == run

    async def test_a_version_with_other_files_than_were_judged_is_not_even_asked_about(self, people):
        run = await first(people)
        services = people.platform.services
        release = await services.clients.registry.version("sales", 1)
        files = [item.model_copy(update={"digest": "sha256:" + "e" * 64}) for item in release.files.files]
        other = release.model_copy(update={"files": Files(files=files)})
        async with services.sessions.begin() as session:
            loop, waits = await runs.locked(session, "default", "sales", run)
            with pytest.raises(Conflict, match="other files"):
                await approval.ask(session, loop, waits, other, None)


class TestEnding:
    async def test_a_rejection_ends_the_run_with_its_reason_and_the_champion_stays(self, people):
        run = await second(people)
        await people.reject("bob", run, "worse for small shops")
        await people.platform.rest()
        ended = await people.newest()
        assert ended["state"] == "rejected"
        assert "bob says: worse for small shops" in ended["message"]
        await champion_everywhere(people.platform, 1)
        told = {item["type"]: item for item in (await people.platform.loop())["conditions"]}
        assert (told["Approved"]["status"], told["Approved"]["reason"]) == ("False", "Rejected")
        await people.approve("ada", run, 409)
        ends = [body for body in people.platform.world.decisions.values() if body["kind"] == "approval.ended"]
        assert [body["outcome"] for body in ends] == ["rejected"]

    async def test_a_rejection_needs_a_reason(self, people):
        await people.reject("ada", await first(people), reason="", expect=422)

    async def test_it_expires_by_the_clock_and_is_rejected_for_that(self, people, clock):
        run = await second(people)
        clock.move(days=6, hours=23)
        await people.platform.rest()
        await people.waits()
        clock.move(hours=1)
        refused = await people.approve("ada", run, 409)
        assert "was over" in refused["detail"]
        await people.platform.rest()
        ended = await people.newest()
        assert (ended["state"], ended["message"]) == ("rejected", "not approved within 7 days")
        assert (await people.asked(run))["state"] == "expired"
        await champion_everywhere(people.platform, 1)

    async def test_what_was_approved_in_time_is_rolled_out_later(self, people, clock):
        run = await first(people)
        await people.approve("ada", run)
        clock.move(days=8)
        await people.platform.rest()
        await champion_everywhere(people.platform, 1)

    async def test_another_document_makes_it_stale_and_opens_a_new_run(self, people):
        run = await second(people)
        body = approved()
        body["spec"]["rollout"] = {"mirror": {"percent": 50, "for": "1d"}}
        await people.apply("eve", body)
        await people.approve("ada", run, 409)
        await people.platform.rest()
        one, two = (await people.platform.runs())[-2:]
        assert one["state"] == "rejected"
        assert "declared otherwise" in one["message"]
        assert two["state"] == "awaiting-approval"
        assert two["cause"]["kind"] == "spec"

    async def test_a_change_of_what_is_not_judged_leaves_it(self, people):
        run = await second(people)
        await people.apply("eve", approved() | {"spec": approved()["spec"] | {"cooldown": "3d"}})
        await people.platform.rest()
        assert (await people.waits())["number"] == run
        await people.approve("ada", run)

    async def test_a_rollback_needs_no_approval_and_makes_it_stale(self, people):
        run = await second(people)
        await people.approve("ada", run)
        await closed(people.platform, 1, 2, 3)
        await champion_everywhere(people.platform, 2)
        await people.call("eve", "POST", "/v1/loops/sales:retrain", 201, json={})
        await people.platform.rest()
        third = (await people.waits())["number"]
        await people.call("eve", "POST", "/v1/loops/sales:rollback", 200, json={})
        await champion_everywhere(people.platform, 1)
        await people.approve("ada", third, 409)
        await people.platform.rest()
        ended = await people.newest()
        assert ended["state"] == "rejected"
        assert "version 1 answers now" in ended["message"]

    async def test_a_loop_that_is_deleted_takes_it_along(self, people):
        run = await second(people)
        digest = (await people.asked(run))["digest"]
        await people.call("eve", "DELETE", "/v1/loops/sales", 202)
        await people.platform.rest()
        await people.approve("ada", run, 404, digest=digest)


class TestWeakening:
    @pytest.mark.parametrize(
        "weaker", [document(), approved(of=1), approved(of=2, within="8d"), approved(of=2, by=["eve", "vic"])]
    )
    async def test_only_an_approver_declares_that_less_is_asked(self, people, weaker):
        await people.apply("eve", approved(of=2))
        if weaker["spec"].get("gates", {}).get("approval", {}).get("by"):
            await people.apply("eve", approved(of=2, by=["ada", "bob"]))
        refused = await people.apply("eve", weaker, 403)
        assert "an approver has to declare that" in refused["detail"]
        await people.apply("admin", weaker)

    async def test_nor_by_deleting_the_loop_first(self, people):
        await people.apply("eve", approved())
        await people.call("eve", "DELETE", "/v1/loops/sales", 202)
        await people.platform.rest()
        await people.apply("eve", document(), 403)
        await people.apply("eve", approved())

    async def test_a_run_that_was_judged_under_the_gate_waits_although_it_is_taken_away(self, people):
        run = await second(people)
        await people.apply("admin", document())
        await people.platform.rest()
        assert (await people.platform.runs())[run - 1]["state"] == "rejected"


class TestMeanwhile:
    async def test_a_better_archived_version_comes_back_and_makes_it_stale(self, people):
        await people.approve("ada", await second(people))
        await closed(people.platform, 1, 2, 3)
        await champion_everywhere(people.platform, 2)
        await people.call("eve", "POST", "/v1/loops/sales:retrain", 201, json={})
        await people.platform.rest()
        await people.waits()
        await closed(people.platform, 4, switch_back={"version": 1, "evidence": {"gain": 0.05, "days": 9}})
        await champion_everywhere(people.platform, 1)
        ended = await people.newest()
        assert ended["state"] == "rejected"
        assert "version 1 answers now" in ended["message"]

    async def test_it_is_looked_at_again_only_when_something_can_come_of_it(self, people, clock):
        async def busy():
            async with people.platform.services.readers() as session:
                return [item.busy for item in await urgencies(session)]

        run = await second(people)
        assert await busy() == [False]
        clock.move(days=7)
        assert await busy() == [True]
        clock.move(days=-7)
        await people.approve("ada", run)
        assert await busy() == [True]

    async def test_how_many_wait_and_how_long_is_a_metric_by_project(self, people, clock):
        run = await first(people)
        async with people.platform.services.readers() as session:
            metrics.seen(await queries.since(session), clock.now + timedelta(hours=2))
        assert REGISTRY.get_sample_value("millrace_approvals_waiting", {"project": "default"}) == 1
        assert REGISTRY.get_sample_value("millrace_approvals_oldest_seconds", {"project": "default"}) == 7200
        await people.reject("ada", run)
        async with people.platform.services.readers() as session:
            metrics.seen(await queries.since(session), clock.now)
        assert REGISTRY.get_sample_value("millrace_approvals_waiting", {"project": "default"}) == 0

    async def test_a_controller_that_dies_between_use_and_rollout_begins_it_once(self, people):
        run = await first(people)
        await people.approve("ada", run)
        world = people.platform.world
        start = world.started
        world.started = lambda endpoint, body: (_ for _ in ()).throw(RuntimeError("it died"))
        with pytest.raises(Exception, match="it died"):
            await people.platform.rest()
        world.started = start
        assert (await people.newest())["state"] == "awaiting-approval"
        await people.reject("bob", run, expect=409)
        await people.platform.rest()
        await champion_everywhere(people.platform, 1)
        assert len(world.endpoints["sales"]["rollouts"]) == 1


class TestWhileServingIsAway:
    """The approval is used, and then the call to serving gets no answer."""

    def away(self, people, monkeypatch, method):
        """Serving loses the connection in this call, until `monkeypatch.undo` brings it back."""

        async def lost(*_, **__):
            raise httpx.ConnectError("away")

        monkeypatch.setattr(people.platform.services.clients.serving, method, lost)

    async def declared_otherwise(self, people):
        body = approved()
        body["spec"]["rollout"] = {"canary": [{"percent": 90, "for": "1d"}]}
        await people.apply("eve", body)

    async def test_nothing_begins_by_a_plan_that_nobody_approved(self, people):
        run = await second(people)
        await people.approve("ada", run)
        with pytest.MonkeyPatch.context() as patch:
            self.away(people, patch, "start_rollout")
            with pytest.raises(httpx.ConnectError):
                await people.platform.rest()
        await self.declared_otherwise(people)
        await people.platform.rest()
        one = next(item for item in await people.platform.runs() if item["number"] == run)
        assert one["state"] == "rejected"
        assert "declared otherwise" in one["message"]
        assert len(people.platform.world.endpoints["sales"]["rollouts"]) == 1

    async def test_what_has_begun_goes_on_by_the_approved_plan(self, people):
        run = await second(people)
        await people.approve("ada", run)
        with pytest.MonkeyPatch.context() as patch:
            self.away(people, patch, "rollout")
            with pytest.raises(httpx.ConnectError):
                await people.platform.rest()
        await self.declared_otherwise(people)
        await people.platform.rest()
        assert (await people.newest())["state"] == "rolling-out"
        assert (await people.asked(run))["state"] == "used"
        await closed(people.platform, 1, 2, 3)
        await champion_everywhere(people.platform, 2)


class TestOnPostgresql:
    async def test_approvals_at_one_time_are_counted_one_after_the_other(
        self, tmp_path, migrated, still, clock, url
    ):
        home, world = made_home(tmp_path / "home", migrated), World()
        introduce(home)
        world.add_data("sales", 1000)
        async with running(home, world) as platform:
            people = People(platform)
            run = await first(people, approved(of=3))
            digest = (await people.asked(run))["digest"]
            said = ("ada", "ada", "bob", "cyd", "ada", "bob")
            answers = await asyncio.gather(*(people.approve(who, run, None, digest=digest) for who in said))
            assert sum("given" in answer for answer in answers) == 3, answers
            assert sorted((await people.asked(run))["given"]) == ["ada", "bob", "cyd"]
            await platform.rest()
            await champion_everywhere(platform, 1)
            assert (await people.asked(run))["state"] == "used"

    async def test_people_with_longer_names_than_records_hold_declare_approve_and_are_told_apart(
        self, tmp_path, migrated, still, clock, url
    ):
        eve, ada, bob = (f"system:serviceaccount:{'long' * 80}:{who}" for who in ("eve", "ada", "bob"))
        home, world = made_home(tmp_path / "home", migrated), World()
        introduce(home, **{eve: "admin", ada: "approver", bob: "approver"})
        world.add_data("sales", 1000)
        async with running(home, world) as platform:
            people = People(platform)
            await people.apply(eve, approved(of=2))
            await platform.rest()
            run = (await people.waits())["number"]
            assert "declared the loop" in (await people.approve(eve, run, 403))["detail"]
            await people.approve(ada, run)
            assert (await people.approve(bob, run))["state"] == "approved"
