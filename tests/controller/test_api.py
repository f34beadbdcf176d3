"""The REST interface: bad input is a clear 4xx that names the place and stores nothing; every route needs a token."""

import pytest

from millrace_controller.clock import worker
from millrace_controller.main import ControllerSettings, build
from millrace_controller.runs.states import ALLOWED, IN_FLIGHT, State
from millrace_core.auth import PUBLIC, Actor, permission_of, routes

from .conftest import closed, day, document
from .fakes import digest, run_job


def test_every_state_ends_somewhere_and_what_has_ended_stays():
    for state in State:
        assert bool(ALLOWED[state]) == (state in IN_FLIGHT)


def changed(path, value):
    body = document()
    part = body
    for name in path[:-1]:
        part = part.setdefault(name, {})
    part[path[-1]] = value
    return body


BAD = {
    "spec.cooldown": "soon",
    "spec.colour": "red",
    "spec.task": "clustering",
    "spec.target": "at",
    "spec.data.timezone": "Mars/Olympus",
    "spec.data.labelDelay": "1 day",
    "spec.training.holdout": "90m",
    "spec.gates.champion.margin": float("1e99"),
    "spec.gates.absolute": [{"metric": "rmse"}],
    "spec.rollout.canary": [{"percent": 10}, {"percent": 5}],
    "spec.triggers.schedule": "weekly",
    "spec.monitoring.drift.psi": -1,
    "apiVersion": "v2",
    "metadata.name": "Not A Name",
}


@pytest.mark.parametrize("path", BAD)
async def test_a_bad_field_is_422_with_its_place_and_nothing_is_stored(platform, path):
    answer = await platform.client.put("/v1/loops/sales", json=changed(path.split("."), BAD[path]))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert path.split(".")[0] in answer.json()["errors"][0]["where"]
    assert await platform.call("GET", "/v1/loops", 200) == {"items": [], "next": None}
    assert not platform.world.calls


async def test_a_name_or_project_other_than_the_requests_is_422(platform):
    for path, body in (
        ("/v1/loops/other", document()),
        ("/v1/loops/sales", changed(["metadata", "project"], "elsewhere")),
    ):
        await platform.call("PUT", path, 422, json=body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"apiVersion": NaN}', b"\xff\xfe"])
async def test_a_body_that_is_no_document_is_4xx(platform, body):
    answer = await platform.client.put(
        "/v1/loops/sales", content=body, headers={"content-type": "application/json"}
    )
    assert 400 <= answer.status_code < 500


async def test_what_is_not_there_is_404(platform):
    for method, path, body in (
        ("GET", "/v1/loops/none", None),
        ("DELETE", "/v1/loops/none", None),
        ("POST", "/v1/loops/none:pause", None),
        ("POST", "/v1/loops/none:retrain", {}),
        ("POST", "/v1/loops/none:rollback", {}),
        ("GET", "/v1/loops/none/runs", None),
        ("GET", "/v1/backtests/0123456789ab", None),
    ):
        await platform.call(method, path, 404, json=body)
    await platform.apply(document())
    for number in (0, 1, -1, 2**40):
        await platform.call("GET", f"/v1/loops/sales/runs/{number}", 404)
    await platform.call("POST", "/v1/loops/sales:retrain", 409, json={})


async def opened(platform):
    """A run whose gates have not been asked."""
    platform.world.add_data("sales", 1000)
    await platform.apply(document())
    from millrace_controller.runs import opening
    from millrace_controller.triggers.rules import Retrain

    asked = Retrain("hand", "k", "asked")
    await opening.by_hand(platform.services, "default", "sales", asked, Actor("ada", "operator"))
    return "/v1/loops/sales/runs/1"


async def test_gates_take_only_the_jobs_of_their_own_run(platform):
    run, world = await opened(platform), platform.world
    spec = {"dataset": "sales", "task": "regression", "champion": None, "search": "full"}
    spec |= {"configurations": None, "cut": None}
    train, other = (run_job(world, f"t{n}", "train", spec, "sales", n) for n in (1, 2))
    evaluate = run_job(world, "e1", "evaluate", spec, "sales", 1)
    for jobs in ((other, evaluate), (train, train), ("0" * 32, evaluate), ("../../v1/models", evaluate)):
        body = {"train_job": jobs[0], "evaluate_job": jobs[1]}
        await platform.call("POST", run + "/gates", 422, json=body)
    body = {"train_job": train, "evaluate_job": evaluate}
    assert (await platform.call("POST", run + "/gates", 200, json=body))["verdict"] == "passed"


async def test_no_rollout_without_passed_gates_or_of_another_runs_version(platform):
    run = await opened(platform)
    await platform.call("POST", run + "/rollout", 409, json={"version": 1})
    await platform.call("POST", run + "/rollout", 422, json={"version": 0})


async def test_a_run_refused_for_its_data_is_closed_once(platform):
    run = await opened(platform)
    await platform.call("POST", run + ":refuse", 409, json={"reason": "it never began"})
    from millrace_controller.lookup import queries as loops
    from millrace_controller.runs import queries as runs

    async with platform.services.sessions.begin() as session:
        loop = await loops.get(session, "default", "sales")
        await runs.move(session, await runs.get(session, loop, 1), State.RUNNING)
    for _ in range(2):
        answer = await platform.call("POST", run + ":refuse", 200, json={"reason": "half of x is missing"})
    assert (answer["state"], answer["message"]) == ("refused", "half of x is missing")
    await platform.rest()
    assert len(platform.world.of_kind("data.refused")) == 1


async def test_waiting_returns_as_soon_as_the_loop_is_at_rest(loop):
    loop.world.close("sales", day(1))
    await loop.rest()
    path = f"/v1/loops/sales?settled_through={day(1)}&wait=30"
    assert (await loop.call("GET", path, 200))["settled_through"] == day(1)
    await loop.call("GET", "/v1/loops/sales?settled_through=2024-01-01&wait=1", 422)


async def test_a_backtest_needs_event_times_and_a_stored_history(platform):
    world, body = (
        platform.world,
        {"loop": document(), "digest": digest("h"), "format": "csv", "name": "h.csv"},
    )
    timeless = body | {"loop": document(data={"dataset": "sales"})}
    for bad, place in ((timeless, "loop.spec.data.eventTime"), (body, "digest")):
        answer = await platform.call("POST", "/v1/backtests", 422, json=bad)
        assert answer["errors"][0]["where"] == place
    world.artifacts[digest("h")] = b"at,x,y\n"
    made = await platform.call("POST", "/v1/backtests", 201, json=body)
    assert (await platform.call("POST", "/v1/backtests", 200, json=body))["id"] == made["id"]
    assert [item["id"] for item in (await platform.call("GET", "/v1/backtests", 200))["items"]] == [
        made["id"]
    ]
    assert (await platform.call("GET", "/v1/loops", 200))["items"] == []
    await platform.apply(document(made["loop"]), expect=409)


def test_every_route_declares_a_permission_and_refuses_a_stranger(home):
    app = build(ControllerSettings(home=home))
    declared = {path: permission_of(route) for path, route in routes(app)}
    assert all(declared.values())
    assert {path for path, permission in declared.items() if permission == PUBLIC} <= {
        "/healthz", "/readyz", "/openapi.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [(None, "GET", 401), ("viewer", "GET", 200), ("viewer", "POST", 403), ("gateway", "GET", 403)],
)
async def test_roles_may_what_they_may(loop, token, method, status):
    headers = {"authorization": f"Bearer {token}-token"} if token else {"authorization": ""}
    path = "/v1/loops/sales" + (":pause" if method == "POST" else "")
    assert (await loop.client.request(method, path, headers=headers)).status_code == status


async def test_a_laptop_says_what_it_cannot_honour_and_asks_nobody_for_it(platform):
    placement = {"gpus": 1, "tolerations": [{"key": "gpu", "operator": "Exists"}]}
    platform.world.add_data("sales", 1000)
    await platform.apply(document(placement=placement))
    await platform.rest()
    found = await platform.loop()
    assert found["champion"] == 1
    ignored = next(item for item in found["conditions"] if item["type"] == "OptionsIgnored")
    assert (ignored["status"], "placement (gpus, tolerations)" in ignored["message"]) == ("True", True)
    plan = await platform.call("GET", "/v1/loops/sales/runs/1/plan", 200)
    assert "placement" not in plan["limits"]


async def test_a_loop_tells_its_candidate_and_its_conditions(loop):
    found = await loop.loop()
    assert (found["candidate"], found["owner"]) == (None, None)
    told = {item["type"]: (item["status"], item["reason"]) for item in found["conditions"]}
    assert told["Ready"] == ("True", "Serving")
    assert told["GatesPassed"] == ("True", "Passed")
    await closed(loop, *range(1, 31))
    found = await loop.loop()
    assert (found["candidate"]["version"], found["candidate"]["run"]) == (2, 2)
    assert found["candidate"]["digest"].startswith("sha256:")


async def test_suspending_is_a_pause_and_no_new_generation(platform):
    await platform.apply(document(suspend=True))
    assert (await platform.loop())["phase"] == "paused"
    assert (await platform.apply(document()))["generation"] == 1
    assert (await platform.loop())["state"] == "active"
    await platform.call("POST", "/v1/loops/sales:pause", 200)
    assert (await platform.apply(document()))["state"] == "paused", (
        "a pause by hand is not undone by the same document"
    )


async def test_a_namespace_is_another_word_for_the_project(platform):
    body = document() | {"metadata": {"name": "sales", "namespace": "team-a"}}
    found = await platform.call("PUT", "/v1/loops/sales?project=team-a", 200, json=body)
    assert found["project"] == "team-a"
    await platform.call("PUT", "/v1/loops/sales?project=team-b", 422, json=body)


async def test_a_loop_with_a_champion_keeps_its_task(loop):
    refused = await loop.apply(document(task="multiclass"), 409)
    assert "version 1, which is in production, was trained for 'regression'" in refused["detail"]
    assert "delete sales first" in refused["detail"]
    assert refused["errors"] == [
        {
            "where": "spec.task",
            "what": "is 'multiclass', and the loop's models are for 'regression'",
            "mend": "leave it 'regression'",
        }
    ]
    found = await loop.loop()
    assert (found["generation"], found["document"]["spec"]["task"]) == (1, "regression")
    await loop.apply(document(cooldown="3d"))


async def test_a_task_may_change_until_there_is_a_model(platform):
    await platform.apply(document())
    assert (await platform.apply(document(task="multiclass")))["generation"] == 2
    platform.world.add_data("sales", 1000)
    while not await platform.runs():
        await worker.step(platform.services, 1)
    refused = await platform.apply(document(task="binary"), 409)
    assert "run 1, which is under way, trains for 'multiclass'" in refused["detail"]


async def test_a_loop_that_was_deleted_may_come_back_with_another_task(loop):
    await loop.call("DELETE", "/v1/loops/sales", 202)
    await loop.rest()
    assert (await loop.apply(document(task="binary")))["document"]["spec"]["task"] == "binary"
