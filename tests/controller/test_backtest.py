"""Backtests run one at a time, are started again when they die, and are closed with what their replay told."""

import pytest

from millrace_controller.backtests import controller as keeper
from millrace_controller.backtests import queries, replaying
from millrace_controller.pipelines.attempts import Ended
from millrace_controller.pipelines.process import ProcessRunner
from millrace_controller.settings import ControllerSettings

from .conftest import document
from .fakes import digest


class Beside:
    """What runs work, played by the test: *look* answers what the test put there."""

    def __init__(self):
        self.started, self.now = [], None

    def close(self):
        return None

    async def tidy(self, work):
        """There is nothing."""

    async def start(self, work):
        self.started.append(work)
        self.now = {"runner": "process", "pid": len(self.started)}
        return self.now

    async def look(self, work, handle):
        assert work == self.started[-1]
        return Ended(handle, message="the backtest was killed") if self.now is None else self.now


@pytest.fixture
async def queued(platform, monkeypatch):
    beside = Beside()
    monkeypatch.setattr(platform.services.runners, "process", beside)
    platform.beside = beside
    platform.world.artifacts[digest("h")] = b"h"
    return platform


async def begun(platform, name="h.csv"):
    body = {"loop": document(), "digest": digest("h"), "format": "csv", "name": name}
    return (await platform.call("POST", "/v1/backtests", 201, json=body))["id"]


async def now(platform, id):
    return await platform.call("GET", f"/v1/backtests/{id}", 200)


async def test_a_process_that_keeps_dying_is_started_three_times_then_closed(queued):
    id = await begun(queued)
    for _ in range(8):
        await keeper.tend(queued.services)
        queued.beside.now = None
    assert [(work.id, work.number) for work in queued.beside.started] == [(id, 1), (id, 2), (id, 3)]
    assert len({work.name for work in queued.beside.started}) == 3
    found = await now(queued, id)
    assert (found["state"], found["attempts"]) == ("failed", 3)
    assert found["message"] == "the backtest was killed (3 tries)"
    assert (await queued.call("GET", f"/v1/loops/{found['loop']}", 200))["state"] == "deleting"
    await queued.rest()
    await queued.call("GET", f"/v1/loops/{found['loop']}", 404)


async def test_what_would_fail_again_is_not_tried_again(queued):
    id = await begun(queued)
    await keeper.tend(queued.services)
    queued.beside.now = Ended({"runner": "process"}, message="The history has no column 'y'.", final=True)
    await keeper.tend(queued.services)
    found = await now(queued, id)
    assert (found["state"], found["attempts"], found["message"]) == (
        "failed",
        1,
        "The history has no column 'y'.",
    )


async def test_a_backtest_whose_job_may_not_be_made_says_so_and_keeps_nobody_waiting(queued, monkeypatch):
    refused = Ended({"runner": "process"}, message="the backtest's Job may not be made: no", final=True)

    async def start(work):
        queued.beside.started.append(work)
        return refused

    monkeypatch.setattr(queued.beside, "start", start)
    first, second = await begun(queued), await begun(queued, "other.csv")
    for _ in range(2):
        await keeper.tend(queued.services)
    for id in (first, second):
        found = await now(queued, id)
        assert (found["state"], found["message"]) == ("failed", "the backtest's Job may not be made: no")


async def test_a_replay_that_ends_well_without_a_result_has_failed(queued):
    id = await begun(queued)
    await keeper.tend(queued.services)
    queued.beside.now = Ended({"runner": "process"}, ok=True)
    await keeper.tend(queued.services)
    assert (await now(queued, id))["state"] == "failed"


async def test_one_backtest_at_a_time_told_while_it_lives_and_closed_with_its_result(queued):
    first, second = await begun(queued), await begun(queued, "other.csv")
    await keeper.tend(queued.services)
    path = f"/v1/backtests/{first}"
    await queued.call("PUT", f"{path}/progress", 204, json={"step": "replay", "done": 3, "total": 9})
    await keeper.tend(queued.services)
    found = await now(queued, first)
    assert (found["state"], found["progress"]["done"]) == ("running", 3)
    assert [work.id for work in queued.beside.started] == [first]
    await queued.call("PUT", f"{path}/result", 204, json={"result": {"metric": "rmse"}})
    assert (await now(queued, first))["state"] == "running"
    queued.beside.now = Ended({"runner": "process"}, ok=True)
    await keeper.tend(queued.services)
    await keeper.tend(queued.services)
    found = await now(queued, first)
    assert (found["state"], found["result"]) == ("succeeded", {"metric": "rmse"})
    assert [work.id for work in queued.beside.started] == [first, second]
    answer = await queued.call("PUT", f"{path}/result", 409, json={"result": {"metric": "other"}})
    assert "succeeded already" in answer["detail"]


async def test_what_its_pod_waits_for_is_told_until_it_waits_no_more(queued):
    id = await begun(queued)
    await keeper.tend(queued.services)
    running = queued.beside.now
    waiting = {"reason": "Unschedulable", "message": "0/1 nodes are available"}
    queued.beside.now = running | {"waiting": waiting}
    await keeper.tend(queued.services)
    assert (await now(queued, id))["waiting"] == waiting
    queued.beside.now = running
    await keeper.tend(queued.services)
    assert (await now(queued, id))["waiting"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("progress", {"step": "replay"}, 422),
        ("progress", {"step": "replay", "done": -1, "total": 9}, 422),
        ("progress", {"step": "replay", "done": 1, "total": 9, "more": 1}, 422),
        ("result", {"result": 1}, 422),
        ("result", {}, 422),
    ],
)
async def test_a_replay_that_talks_nonsense_is_refused(queued, path, body, status):
    id = await begun(queued)
    await queued.call("PUT", f"/v1/backtests/{id}/{path}", status, json=body)
    await queued.call("PUT", f"/v1/backtests/0123456789ab/{path}", 422, json=body)
    assert (await now(queued, id))["progress"] == {}


async def test_nobody_tells_of_a_backtest_that_is_not_there(queued):
    await queued.call("PUT", "/v1/backtests/0123456789ab/result", 404, json={"result": {}})
    progress = {"step": "replay", "done": 1, "total": 9}
    await queued.call("PUT", "/v1/backtests/0123456789ab/progress", 404, json=progress)


async def test_a_hidden_loop_stands_beside_nothing_that_its_user_has(queued):
    id = await begun(queued)
    await queued.rest()
    hidden = (await now(queued, id))["loop"]
    world = queued.world
    assert hidden not in world.endpoints
    assert hidden not in world.datasets
    assert (await queued.call("GET", "/v1/loops", 200))["items"] == []
    await keeper.tend(queued.services)
    queued.beside.now = Ended({"runner": "process"}, message="no", final=True)
    await keeper.tend(queued.services)
    await queued.rest()
    await queued.call("GET", f"/v1/loops/{hidden}", 404)


async def test_what_an_earlier_version_gave_a_hidden_loop_at_other_services_goes_with_it(queued, monkeypatch):
    id, world = await begun(queued), queued.world
    hidden = (await now(queued, id))["loop"]
    world.add_data(hidden, 1000)
    with monkeypatch.context() as earlier:
        earlier.setattr(ControllerSettings, "replays_apart", False)
        await queued.rest()
    assert hidden in world.endpoints
    await keeper.tend(queued.services)
    queued.beside.now = Ended({"runner": "process"}, message="no", final=True)
    await keeper.tend(queued.services)
    await queued.rest()
    assert hidden not in world.endpoints
    await queued.call("GET", f"/v1/loops/{hidden}", 404)


async def test_a_backtest_that_is_cancelled_ends_with_its_process_and_leaves_nothing(queued, monkeypatch):
    stopped, tidied = [], []

    async def stop(handle):
        stopped.append(handle)

    async def tidy(work):
        tidied.append(work.place)

    monkeypatch.setattr(queued.beside, "stop", stop, raising=False)
    monkeypatch.setattr(queued.beside, "tidy", tidy, raising=False)
    running, waiting = await begun(queued), await begun(queued, "other.csv")
    await keeper.tend(queued.services)
    for id in (running, waiting):
        for _ in range(2):
            told = await queued.call("POST", f"/v1/backtests/{id}:cancel", 202)
            assert told["state"] == "cancelling"
    answer = await queued.call(
        "PUT", f"/v1/backtests/{running}/progress", 409, json={"step": "replay", "done": 3, "total": 9}
    )
    assert "is being cancelled" in answer["detail"]
    for _ in range(3):
        await keeper.tend(queued.services)
    for id in (running, waiting):
        found = await now(queued, id)
        assert (found["state"], found["message"]) == ("cancelled", "it was cancelled")
        assert found["ended_at"]
    assert stopped == [{"runner": "process", "pid": 1}]
    assert tidied == [f"backtest-{running}", f"backtest-{waiting}"]
    assert [work.id for work in queued.beside.started] == [running]
    await queued.rest()
    await queued.call("GET", f"/v1/loops/{found['loop']}", 404)
    assert await begun(queued) not in (running, waiting), "asked again it begins anew"


async def test_one_that_waits_is_cancelled_at_once_and_not_when_the_one_that_runs_is_over(queued):
    running, waiting = await begun(queued), await begun(queued, "other.csv")
    await keeper.tend(queued.services)
    await queued.call("POST", f"/v1/backtests/{waiting}:cancel", 202)
    await keeper.tend(queued.services)
    assert (await now(queued, waiting))["state"] == "cancelled"
    assert (await now(queued, running))["state"] == "running"


async def test_what_is_over_cannot_be_cancelled(queued):
    id = await begun(queued)
    await keeper.tend(queued.services)
    queued.beside.now = Ended({"runner": "process"}, message="The history has no column 'y'.", final=True)
    await keeper.tend(queued.services)
    answer = await queued.call("POST", f"/v1/backtests/{id}:cancel", 409)
    assert "failed already" in answer["detail"]


async def test_a_loop_has_its_own_backtests_and_each_says_of_what(queued):
    id = await begun(queued)
    found = await now(queued, id)
    assert (found["of"], found["history"]) == ("sales", "h.csv")
    listed = await queued.call("GET", "/v1/backtests?of=sales", 200)
    assert [item["id"] for item in listed["items"]] == [id]
    assert (await queued.call("GET", "/v1/backtests?of=other", 200))["items"] == []
    await queued.call("GET", "/v1/backtests?of=sa%00les", 422)


async def test_a_controller_that_is_killed_while_it_closes_a_backtest_leaves_no_platform_behind(
    queued, monkeypatch
):
    """Whenever it is killed, the next one finds the backtest open, or nothing is left of it."""
    tidied, end = [], queries.end

    async def tidy(work):
        tidied.append(((await now(queued, work.id))["state"], work.number))

    async def killed(*_):
        raise RuntimeError("killed")

    id = await begun(queued)
    await keeper.tend(queued.services)
    queued.beside.now = Ended({"runner": "process"}, message="no", final=True)
    monkeypatch.setattr(queued.beside, "tidy", tidy, raising=False)
    monkeypatch.setattr(queries, "end", killed)
    with pytest.raises(RuntimeError, match="killed"):
        await keeper.tend(queued.services)
    monkeypatch.setattr(queries, "end", end)
    await keeper.tend(queued.services)
    assert (await now(queued, id))["state"] == "failed"
    assert tidied == [("running", 1), ("running", 1)]


async def test_tries_that_were_killed_leave_no_platform_behind(queued, tmp_path):
    """What a replay keeps for its next try goes when there is none; its log stays."""
    settings = queued.services.settings.model_copy(update={"home": tmp_path})
    runner = ProcessRunner(settings, queued.services.changes)
    work = replaying.Replaying("0" * 12, "default", "backtest-x", {}, 3)
    place = runner._folder(work)
    (place / "platform" / "monitoring").mkdir(parents=True)
    (place / "platform" / "monitoring" / "state.db").write_text("much")
    (place / "log.txt").write_text("words")
    await runner.tidy(work)
    assert [path.name for path in place.iterdir()] == ["log.txt"]
    await runner.tidy(replaying.Replaying("1" * 12, "default", "backtest-y", {}, 1))
