"""A source is looked at by the clock; one look is one job, whatever is killed when."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from millrace_contracts.jobs import JobRead
from millrace_contracts.sources import Source
from millrace_controller.sources import controller, schedule

from .conftest import document
from .fakes import JOB, Crash

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SQL = {"sql": {"uri": "postgresql://reader@db/shop", "table": "sales", "cursor": "at"}, "every": "10m"}


def loop(source=SQL, **data):
    return document(data={"dataset": "sales", "eventTime": "at", "labelDelay": "1d", "source": source} | data)


@pytest.fixture
def clock(monkeypatch):
    """The time that the controller believes in; `clock.now += …` lets it pass."""

    class Clock:
        now = NOW

    monkeypatch.setattr(controller, "utcnow", lambda: Clock.now)
    monkeypatch.setattr("millrace_controller.sources.routes.utcnow", lambda: Clock.now)
    return Clock


def end(world, state="succeeded", new_rows=5, more=False, detail="the database is away"):
    """Every look that goes on is over."""
    for job in world.jobs.values():
        if job["kind"] == "pull" and job["state"] == "running":
            job["state"] = state
            result = {"new_rows": new_rows, "reason": f"{new_rows} new rows.", "more": more}
            job["result"] = result if state == "succeeded" else None
            job["error"] = None if state == "succeeded" else {"title": "t", "status": 422, "detail": detail}


def looks(world):
    return [job for job in world.jobs.values() if job["kind"] == "pull"]


async def test_a_declared_source_is_looked_at_at_once_and_then_by_the_clock(platform, world, clock):
    await platform.apply(loop(SQL | {"dialect": {"decimal": ","}}))
    await controller.one_pass(platform.services)
    (job,) = looks(world)
    assert job["spec"]["source"]["sql"]["table"] == "sales"
    assert job["spec"]["dialect"]["decimal"] == ","
    assert (await platform.call("GET", "/v1/loops/sales/source", 200))["state"] == "reading"
    end(world)
    for minutes, count in ((0, 1), (9, 1), (10, 2)):
        clock.now = NOW + timedelta(minutes=minutes)
        await controller.one_pass(platform.services)
        await controller.one_pass(platform.services)
        assert len(looks(world)) == count, minutes
    told = await platform.call("GET", "/v1/loops/sales/source", 200)
    assert (told["new_rows"], told["message"], told["failures"]) == (5, "5 new rows.", 0)


async def test_a_source_without_a_clock_is_looked_at_once_and_when_asked_to(platform, world, clock):
    await platform.apply(loop({"sql": SQL["sql"]}))
    await controller.one_pass(platform.services)
    end(world)
    clock.now += timedelta(days=400)
    await controller.one_pass(platform.services)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 1
    await platform.call("POST", "/v1/loops/sales:pull", 202)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 2


async def test_a_service_that_is_away_for_one_loop_keeps_no_other_waiting(
    platform, world, clock, monkeypatch
):
    for name in ("north", "sales", "south"):
        await platform.apply(loop() | {"metadata": {"name": name}})
    training = platform.services.clients.training
    submit, away = training.submit, ["sales"]

    async def sometimes(*asked, **more):
        if more.get("loop", asked[0].loop) in away:
            raise httpx.ConnectError("")
        return await submit(*asked, **more)

    monkeypatch.setattr(training, "submit", sometimes)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 2
    away.clear()
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 3


async def test_what_fails_is_tried_again_later_each_time_and_said(platform, world, clock):
    await platform.apply(loop())
    waits = []
    for _ in range(6):
        await controller.one_pass(platform.services)
        end(world, "failed")
        await controller.one_pass(platform.services)
        told = await platform.call("GET", "/v1/loops/sales/source", 200)
        waits.append((datetime.fromisoformat(told["next_at"]) - clock.now).total_seconds())
        clock.now = datetime.fromisoformat(told["next_at"])
    assert waits == [30, 60, 120, 240, 480, 600]
    conditions = {item["type"]: item for item in (await platform.loop())["conditions"]}
    assert conditions["SourceReady"]["status"] == "False"
    assert "the database is away" in conditions["SourceReady"]["message"]


async def test_a_look_that_cannot_begin_says_why_until_it_can(platform, world, clock):
    await platform.apply(loop())
    await controller.one_pass(platform.services)
    (job,) = looks(world)
    why = {"reason": "CreateContainerConfigError", "message": 'secret "source.default.shop" not found'}
    for waiting, said in ((why, ("False", *why.values())), (None, ("Unknown", "Reading", ""))):
        job["waiting"] = waiting
        await controller.one_pass(platform.services)
        told = {item["type"]: item for item in (await platform.loop())["conditions"]}["SourceReady"]
        assert (told["status"], told["reason"], told["message"]) == said
    end(world)
    await controller.one_pass(platform.services)
    told = {item["type"]: item for item in (await platform.loop())["conditions"]}["SourceReady"]
    assert (told["status"], told["message"]) == ("True", "5 new rows.")


async def test_there_is_more_at_once(platform, world, clock):
    await platform.apply(loop())
    await controller.one_pass(platform.services)
    end(world, more=True)
    await controller.one_pass(platform.services)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 2


async def test_another_source_is_looked_at_at_once_and_another_gate_is_none(platform, world, clock):
    await platform.apply(loop())
    await controller.one_pass(platform.services)
    end(world)
    await controller.one_pass(platform.services)
    await platform.apply(loop() | {"spec": loop()["spec"] | {"cooldown": "20d"}})
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 1
    await platform.apply(loop(SQL | {"sql": SQL["sql"] | {"table": "returns"}}))
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 2


@pytest.mark.parametrize("after", [False, True])
async def test_a_controller_killed_while_it_asks_for_a_look_asks_for_one(platform, world, clock, after):
    await platform.apply(loop())
    world.crash_at, world.crash_after = len(world.calls), after
    with pytest.raises(Crash):
        await controller.one_pass(platform.services)
    await controller.one_pass(platform.services)
    end(world)
    await controller.one_pass(platform.services)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 1
    assert (await platform.call("GET", "/v1/loops/sales/source", 200))["new_rows"] == 5


async def test_a_paused_loop_goes_on_taking_rows_in_and_a_deleted_one_does_not(platform, world, clock):
    await platform.apply(loop())
    await platform.call("POST", "/v1/loops/sales:pause", 200)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 1
    end(world)
    await controller.one_pass(platform.services)
    await platform.call("DELETE", "/v1/loops/sales", 202)
    clock.now += timedelta(days=1)
    await controller.one_pass(platform.services)
    assert len(looks(world)) == 1


async def test_a_loop_whose_rows_are_pushed_has_no_source(platform):
    await platform.apply(document())
    await platform.call("GET", "/v1/loops/sales/source", 404)
    assert (await platform.loop())["conditions"][-1]["type"] != "SourceReady"


def test_a_look_that_was_cancelled_is_one_that_failed():
    source = Source.model_validate(SQL)
    poll = schedule.begun(None, source, "default/sales/1")
    job = JobRead.model_validate(JOB | {"id": "a" * 32, "kind": "pull", "state": "cancelled"})
    assert schedule.ended(poll, source, job, NOW).failures == 1
