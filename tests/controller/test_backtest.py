"""A backtest cuts history into honest days: late labels, no version judged on what it has seen, one at a time."""

import fcntl
import json
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from millrace.loop import ModelLoop
from millrace_controller.backtest import controller as keeper
from millrace_controller.backtest import outcome, replay
from millrace_controller.backtest.history import History, NoBacktest

from .conftest import document
from .fakes import SIGNATURE, digest


def spec(**data):
    made = document(data={"dataset": "sales", "eventTime": "at", "labelDelay": "1d"} | data)
    made["spec"]["training"] = {"holdout": "2d"}
    return ModelLoop.model_validate(made).spec


def history(days=12, first=date(2024, 3, 25), every=6, **more):
    moments = [
        f"{first + timedelta(days=day)}T{hour:02d}:30:00"
        for day in range(days)
        for hour in range(0, 24, every)
    ]
    lines = [f"{moment},{number},{number * 2}" for number, moment in enumerate(moments)]
    return History("\n".join(["at,x,y", *reversed(lines)]).encode(), "csv", spec(**more))


def test_rows_are_put_in_order_and_days_are_those_of_the_time_zone():
    made = history(timezone="Europe/Berlin")
    assert made.labels == [number * 2 for number in range(48)]
    days = made.days()
    assert [len(day.rows) for day in days] == [4] * 12
    summer = next(day for day in days if day.date == date(2024, 3, 31))
    assert summer.end - summer.begin == timedelta(hours=23)
    assert [day.end for day in days[:-1]] == [day.begin for day in days[1:]]


def test_rows_without_time_or_label_are_left_out_and_days_without_rows_stay():
    lines = ["at,x,y", "2024-01-01,1,1", "2024-01-03,2,", ",3,3", "2024-01-05,4,4"]
    made = History("\n".join(lines).encode(), "csv", spec())
    assert made.labels == [1, 4]
    assert [len(day.rows) for day in made.days()] == [1, 0, 0, 0, 1]


def test_the_first_model_learns_from_twice_the_holdout_or_from_what_was_said():
    made = history()
    assert made.first_day(spec(), None) == 4
    assert made.first_day(spec(), date(2024, 4, 1)) == 7
    for start in (date(2024, 3, 26), date(2024, 4, 30), date(2020, 1, 1)):
        with pytest.raises(NoBacktest, match="12 days"):
            made.first_day(spec(), start)
    before = pa.parquet.read_table(pa.BufferReader(made.parquet(made.days()[4].begin)))
    assert len(before) == 16


def test_features_travel_without_labels_and_under_their_tensor_names():
    made = history()
    table = made.typed({"x": "number", "y": "number", "at": "timestamp"}, "UTC")
    sent = pa.ipc.open_stream(replay.rows_of(made.days()[1], table, SIGNATURE, made.times)).read_all()
    assert sent.column_names == ["request_id", "index", "event_time", "x"]
    assert sent["request_id"].to_pylist() == ["row-4", "row-5", "row-6", "row-7"]
    assert sent["x"].to_pylist() == [4.0, 5.0, 6.0, 7.0]


def test_a_day_is_served_by_what_was_decided_when_its_traffic_came():
    days = history().days()
    moves = [
        {"event_time": days[0].begin.isoformat(), "version": 1},
        {"event_time": days[5].begin.isoformat(), "version": 2},
    ]
    assert outcome.served(days, moves, timedelta(days=1)) == [1] * 6 + [2] * 6


def test_hindsight_chooses_only_among_versions_that_existed():
    days = history(first=date(2024, 3, 28)).days()
    losses = {1: np.full(48, 4.0), 2: np.full(48, 1.0)}
    born = {1: "", 2: days[6].begin.isoformat()}
    chosen = outcome.hindsight(days, 0, losses, born)
    assert chosen == [1] * 6 + [2] * 6
    found = outcome.by_month(spec(), days, 0, chosen, losses)
    assert found["by_month"]["2024-03"] == 2.0
    assert 1.0 < found["by_month"]["2024-04"] < 2.0
    assert found["overall"] == pytest.approx(2.5**0.5, rel=1e-5)


def test_log_loss_is_that_of_the_true_class():
    binary = spec().model_copy(update={"task": "binary"})
    days = history().days()
    assert outcome.by_month(binary, days, 0, [1] * 12, {1: np.full(48, 0.3)})["overall"] == 0.3


@pytest.fixture
async def queued(platform, monkeypatch):
    started = []

    async def start(app, backtest, place):
        keeper._prepare(place, backtest.request)
        async with app.state.sessions.begin() as session:
            facts = {"attempts": backtest.progress.get("attempts", 0) + 1}
            await keeper.queries.progress(session, backtest.id, facts)
        started.append(backtest.id)

    monkeypatch.setattr(keeper, "_start", start)
    platform.started = started
    platform.world.artifacts[digest("h")] = b"h"
    return platform


async def begun(platform, name="h.csv"):
    body = {"loop": document(), "digest": digest("h"), "format": "csv", "name": name}
    return (await platform.call("POST", "/v1/backtests", 201, json=body))["id"]


async def now(platform, id):
    return await platform.call("GET", f"/v1/backtests/{id}", 200)


async def test_a_process_that_keeps_dying_is_started_three_times_then_closed(queued):
    id = await begun(queued)
    for _ in range(5):
        await keeper.tend(queued.app)
    assert queued.started == [id] * 3
    found = await now(queued, id)
    assert (found["state"], found["message"]) == ("failed", "its process died 3 times")
    assert (await queued.call("GET", f"/v1/loops/{found['loop']}", 200))["state"] == "deleting"
    await queued.rest()
    await queued.call("GET", f"/v1/loops/{found['loop']}", 404)


async def test_one_backtest_at_a_time_told_while_it_lives_and_closed_with_its_result(queued):
    first, second = await begun(queued), await begun(queued, "other.csv")
    await keeper.tend(queued.app)
    place = queued.app.state.settings.folder / "backtests" / first
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        replay.write(place / "progress.json", {"step": "replay", "done": 3, "total": 9, "message": ""})
        await keeper.tend(queued.app)
    found = await now(queued, first)
    assert (found["state"], found["progress"]["done"]) == ("running", 3)
    assert queued.started == [first]
    replay.write(place / "result.json", {"ok": True, "message": "", "result": {"metric": "rmse"}})
    await keeper.tend(queued.app)
    await keeper.tend(queued.app)
    found = await now(queued, first)
    assert (found["state"], found["result"]) == ("succeeded", {"metric": "rmse"})
    assert queued.started == [first, second]
    assert json.loads((place / "request.json").read_text())["name"] == "h.csv"
