"""Declared rows are scored by the clock: one scoring for each due time, whatever is killed when."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from millrace_controller.scores import controller

from .conftest import document
from .fakes import Crash

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FILE = {"kind": "artifact", "digest": "sha256:" + "1" * 64, "name": "rows.parquet", "format": "parquet"}
ORIGIN = {"kind": "source", "name": "table sales", "digest": "sha256:" + "2" * 64, "cursor": "integer:7"}
BATCH = {
    "source": {"sql": {"uri": "postgresql://reader@db/shop", "table": "sales", "cursor": "at"}},
    "sink": {"sql": {"uri": "postgresql://writer@db/shop", "table": "scored"}},
    "schedule": "1h",
}


def declared(**change):
    return document(predict={"batch": BATCH | change})


@pytest.fixture
def clock(monkeypatch):
    """The time that the controller believes in; `clock.now += …` lets it pass."""

    class Clock:
        now = NOW

    monkeypatch.setattr(controller, "utcnow", lambda: Clock.now)
    return Clock


@pytest.fixture
async def shop(platform, clock):
    """A loop with a champion that declares rows to score."""
    platform.world.add_data("sales", 1000)
    await platform.apply(declared())
    await platform.rest()
    assert (await platform.loop())["champion"] == 1
    return platform


def jobs(world, kind):
    return [job for job in world.jobs.values() if job["kind"] == kind]


def end(world, files=1, more=False, rows=5, failed=None, step=None):
    """Every job of a scoring that goes on is over."""
    for job in world.jobs.values():
        if job["state"] != "running" or job["kind"] not in ("gather", "score"):
            continue
        if failed is not None:
            problem = {"title": "t", "status": 422, "detail": failed}
            progress = step and {"step": step, "done": 1, "total": 2, "message": "", "numbers": {}}
            job |= {"state": "failed", "error": problem, "progress": progress}
        elif job["kind"] == "gather":
            before = {"source": "s", "digests": [ORIGIN["digest"]], "last": ORIGIN, "window": None}
            job |= {"state": "succeeded", "result": {"files": [FILE] * files, "before": before, "more": more}}
        else:
            job |= {"state": "succeeded", "result": scored(rows)}


def scored(rows):
    cost = {"seconds": 2.0, "cpu_seconds": 1.0, "rows_per_second": rows / 2, "parts": 1, "resumed": 0}
    return {
        "model": "sales", "version": 1, "digest": "sha256:" + "0" * 64, "rows": rows, "answered": rows - 1,
        "unanswered": [], "files": [], "written": ["scored"], "columns": ["prediction"], "cost": cost,
        "rejects": {"count": 2, "kept": []},
    }  # fmt: skip


async def through(platform, **how):
    """Bring the scoring that is due to its end; passes that are too many do nothing."""
    for _ in range(3):
        await controller.one_pass(platform.services)
        await controller.one_pass(platform.services)
        end(platform.world, **how)
    await controller.one_pass(platform.services)


async def listed(platform):
    return (await platform.call("GET", "/v1/loops/sales/scores", 200))["items"]


async def test_a_declared_batch_is_scored_at_once_and_then_by_the_clock(shop, world, clock):
    for minutes, count in ((0, 1), (59, 1), (60, 2), (119, 2), (300, 3)):
        clock.now = NOW + timedelta(minutes=minutes)
        await through(shop)
        assert len(await listed(shop)) == len(jobs(world, "score")) == count, minutes
    newest = (await listed(shop))[0]
    assert (newest["state"], newest["rows"], newest["answered"], newest["rejects"]) == ("succeeded", 5, 4, 2)
    assert newest["due_at"] == "2026-11-29T17:00:00Z"
    assert "4 of 5 rows answered by version 1, 2 lines could not be read: scored. 2.0 s" in newest["message"]
    told = await shop.loop()
    stands = told["batch"]
    assert (stands["rows"], stands["scorings"], stands["next_at"]) == (15, 3, "2026-11-29T18:00:00Z")
    condition = {item["type"]: item for item in told["conditions"]}["Scored"]
    assert (condition["status"], condition["message"]) == ("True", newest["message"])


async def test_what_is_read_is_told_to_the_next_reading_and_recorded_as_a_decision(shop, world, clock):
    await through(shop)
    clock.now += timedelta(hours=1)
    await through(shop)
    first, second = jobs(world, "gather")
    assert first["spec"]["before"] is None
    assert second["spec"]["before"]["last"]["cursor"] == "integer:7"
    spec = jobs(world, "score")[0]["spec"]
    assert (spec["version"], spec["files"], spec["called"]) == (
        1,
        [FILE | {"origin": "file", "delivery": None}],
        "sales-20261129T120000Z-1",
    )
    assert spec["sink"]["sql"]["table"] == "scored"
    await shop.deliver()
    written = world.of_kind("predictions.written")
    assert [item["subject"] for item in written] == ["scoring 1", "scoring 2"]
    assert (
        written[0]["evidence"] | {"rows": 5, "version": 1, "sink": "table scored"} == written[0]["evidence"]
    )


async def test_where_nothing_is_new_there_is_no_job_that_scores(shop, world):
    await through(shop, files=0)
    assert jobs(world, "score") == []
    (only,) = await listed(shop)
    assert (only["state"], only["rows"], only["message"]) == ("succeeded", 0, "There are no new rows.")
    await shop.deliver()
    assert world.of_kind("predictions.written") == []


async def test_a_controller_killed_at_any_call_scores_once(shop, world, clock):
    for count, (call, after) in enumerate(itertools.product(range(4), (False, True)), 1):
        world.crash_at, world.crash_after = len(world.calls) + call, after
        for _ in range(8):
            try:
                await controller.one_pass(shop.services)
            except Crash:
                continue
            end(world)
        assert world.crash_at is None or call == 3
        assert len(jobs(world, "gather")) == len(jobs(world, "score")) == count
        newest = (await listed(shop))[0]
        assert (newest["number"], newest["state"], newest["attempts"]) == (count, "succeeded", 1)
        clock.now += timedelta(hours=1)


async def test_what_fails_before_anything_is_out_reads_again_later_each_time(shop, world, clock):
    waits = []
    for _ in range(4):
        await through(shop, failed="the database is away")
        told = (await shop.loop())["batch"]
        assert (told["state"], told["message"]) == ("failing", "the database is away")
        waits.append((datetime.fromisoformat(told["next_at"]) - clock.now).total_seconds())
        clock.now = datetime.fromisoformat(told["next_at"])
    assert waits == [30, 60, 120, 240]
    assert len(jobs(world, "gather")) == 4
    await through(shop)
    (only,) = await listed(shop)
    assert (only["state"], only["attempts"]) == ("succeeded", 5)
    assert (await shop.loop())["batch"]["failures"] == 0


async def test_what_fails_while_answers_go_out_writes_the_very_same_ones_again(shop, world, clock):
    await controller.one_pass(shop.services)
    end(world)
    await controller.one_pass(shop.services)
    end(world, failed="the table is full", step="write")
    await controller.one_pass(shop.services)
    clock.now += timedelta(minutes=5)
    await through(shop)
    first, second = jobs(world, "score")
    assert first["spec"] == second["spec"]
    assert len(jobs(world, "gather")) == 1
    clock.now += timedelta(hours=3)
    await through(shop)
    assert [item["state"] for item in await listed(shop)] == ["succeeded"] * 2


async def test_without_a_champion_it_waits_and_by_hand_it_is_refused(platform, world, clock):
    await platform.apply(declared())
    await through(platform)
    assert await listed(platform) == []
    await platform.call("POST", "/v1/loops/sales:score", 409, json={"key": "k"})
    condition = {item["type"]: item for item in (await platform.loop())["conditions"]}["Scored"]
    assert (condition["status"], condition["reason"]) == ("Unknown", "NoChampion")


async def test_by_hand_the_same_key_is_the_same_scoring(shop, world, clock):
    await through(shop)
    made = [await shop.call("POST", "/v1/loops/sales:score", 202, json={"key": "now"}) for _ in range(2)]
    await through(shop)
    made.append(await shop.call("POST", "/v1/loops/sales:score", 202, json={"key": "now"}))
    assert [(item["number"], item["cause"]) for item in made] == [(2, "hand")] * 3
    assert (await shop.call("GET", "/v1/loops/sales/scores/2?wait=5", 200))["state"] == "succeeded"
    await shop.call("GET", "/v1/loops/sales/scores/3", 404)


async def test_what_is_declared_anew_begins_anew_and_what_is_no_longer_ends(shop, world, clock):
    await controller.one_pass(shop.services)
    await shop.apply(declared(keep=["y"]))
    await through(shop)
    newest, dropped = await listed(shop)
    assert (dropped["state"], dropped["message"]) == ("failed", "Something else is declared by now.")
    assert newest["state"] == "succeeded"
    assert jobs(world, "gather")[0]["state"] == "cancelled"
    await shop.apply(document())
    clock.now += timedelta(days=1)
    await through(shop)
    assert len(await listed(shop)) == 2
    assert (await shop.loop())["batch"] is None
    await shop.call("POST", "/v1/loops/sales:score", 404, json={"key": "k"})


async def test_what_is_scored_by_itself_is_no_reason_for_a_run_and_anything_else_is(shop, world, clock):
    await shop.apply(declared(schedule="2h"))
    await shop.apply(document())
    await shop.rest()
    assert len(await shop.runs()) == 1
    await shop.apply(document(cooldown="20d"))
    await shop.rest()
    assert len(await shop.runs()) == 2


async def test_a_pod_that_waits_for_a_secret_says_so_until_it_is_there(shop, world, clock):
    await controller.one_pass(shop.services)
    (job,) = jobs(world, "gather")
    why = "Secret source.default.shop is not there"
    job["waiting"] = {"reason": "SecretMissing", "message": why}
    await controller.one_pass(shop.services)
    condition = {item["type"]: item for item in (await shop.loop())["conditions"]}["Scored"]
    assert (condition["status"], condition["reason"], condition["message"]) == ("False", "SecretMissing", why)
    job["waiting"] = None
    await through(shop)
    condition = {item["type"]: item for item in (await shop.loop())["conditions"]}["Scored"]
    assert (condition["status"], condition["reason"]) == ("True", "Scored")


async def test_there_is_more_at_once(shop, world, clock):
    await through(shop, more=True)
    assert len(await listed(shop)) == 2


async def test_by_a_calendar_it_begins_with_the_first_such_day_in_the_loops_zone(platform, world, clock):
    platform.world.add_data("sales", 1000)
    weekly = "each Monday"
    data = {"dataset": "sales", "eventTime": "at", "labelDelay": "1d", "timezone": "Europe/Berlin"}
    await platform.apply(document(data=data, predict={"batch": BATCH | {"schedule": weekly}}))
    await platform.rest()
    for moment, count in (("29T12", 0), ("29T22", 0), ("29T23", 1), ("30T12", 1)):
        clock.now = datetime.fromisoformat(f"2026-11-{moment}:00:00+00:00")
        await through(platform)
        assert len(await listed(platform)) == count, moment


async def test_a_loop_that_is_deleted_and_declared_again_numbers_on_and_remembers_nothing(shop, world, clock):
    await through(shop)
    await shop.call("DELETE", "/v1/loops/sales", 202)
    await shop.rest()
    await shop.apply(declared())
    await shop.rest()
    await through(shop)
    assert [item["number"] for item in await listed(shop)] == [2, 1]
    assert jobs(world, "gather")[-1]["spec"]["before"] is None
