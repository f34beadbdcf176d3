"""ModelLoops of a cluster: declared, followed, told how they stand, and closed only when they are surely gone."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from millrace.status import LoopStatus
from millrace_controller.loops import commands, queries
from millrace_controller.operator import manifests, task
from millrace_controller.operator.controller import Operator
from millrace_controller.operator.task import LONGEST_PASS, Work, stuck
from millrace_core.errors import MillraceError

from .conftest import alarm, day, document, running
from .fake_resources import Resources, merged

TEAM = "/v1/loops/{}"


@pytest.fixture
def cluster():
    return Resources()


@pytest.fixture
async def platform(home, world, still, cluster, monkeypatch):
    async def nothing(app):
        return None

    monkeypatch.setattr("millrace_controller.main.leading", lambda tasks: nothing)
    monkeypatch.setattr("millrace_controller.main.cluster", lambda settings: cluster)
    monkeypatch.setenv("MILLRACE_PLATFORM", "kubernetes")
    monkeypatch.setenv("MILLRACE_NAMESPACE_PROJECTS", '{"team-a": "default"}')
    async with running(home, world) as platform:
        yield platform


@pytest.fixture
def operator(platform):
    made = Operator(platform.app)
    platform.app.state.operator = made
    return made


async def loop(platform, name="sales", expect=200):
    return await platform.call("GET", TEAM.format(name), expect)


async def settled(platform, operator):
    """What the worker does, then what the operator tells of it."""
    await platform.rest()
    await operator.follow()
    await operator.relist()


async def test_a_resource_is_the_same_loop_as_one_by_rest(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    found = await loop(platform)
    assert (found["project"], found["generation"], found["phase"]) == ("default", 1, "waiting")
    assert found["owner"] == {
        "kind": "ModelLoop", "namespace": "team-a", "name": "sales", "uid": "uid-1", "generation": 1
    }  # fmt: skip
    status = cluster.status()
    assert (status["phase"], status["observedGeneration"], status["project"]) == ("Pending", 1, "default")
    assert cluster.condition("Ready")["reason"] == "NoData"
    assert cluster.condition("Progressing")["reason"] == "WaitingForData"
    await platform.call(
        "PUT", TEAM.format("sales"), 200, json=document() | {"spec": found["document"]["spec"]}
    )


async def test_its_status_follows_the_loop_to_production(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply(rollout={"mirror": {"percent": 100, "for": "1d"}}, triggers={"schedule": "30d"})
    await operator.relist()
    await settled(platform, operator)
    status = cluster.status()
    assert (status["phase"], status["champion"]["version"], status["champion"]["weight"]) == (
        "Serving",
        1,
        100.0,
    )
    assert status["champion"]["digest"].startswith("sha256:")
    assert (status["run"]["number"], status["run"]["state"]) == (1, "promoted")
    assert {gate["name"]: gate["verdict"] for gate in status["gates"]} == {"useful": "passed"}
    told = {item["type"]: item["status"] for item in status["conditions"]}
    assert told == {
        "Ready": "True", "Progressing": "False", "DataValid": "True", "Trained": "True", "GatesPassed": "True",
        "RolledOut": "True", "DriftDetected": "Unknown", "Stalled": "False", "OptionsIgnored": "False",
    }  # fmt: skip
    assert "candidate" not in status
    assert cluster.reasons() == ["Declared", "RunOpened", "Serving", "Promoted"]
    for number in range(1, 31):
        world.close("sales", day(number))
    await settled(platform, operator)
    status = cluster.status()
    assert (status["phase"], status["candidate"]["version"], status["candidate"]["run"]) == ("Shadow", 2, 2)
    assert cluster.condition("Progressing")["reason"] == "Mirroring"
    champion = next(gate for gate in status["gates"] if gate["name"] == "champion")
    assert champion["ci"][0] < champion["ci"][1]
    world.close("sales", day(31))
    await settled(platform, operator)
    assert (cluster.status()["phase"], cluster.status()["champion"]["version"]) == ("Serving", 2)
    assert "candidate" not in cluster.status()
    LoopStatus.model_validate(cluster.status())


async def with_two_versions(platform, operator, cluster, world):
    """A resource whose loop has gone from version 1 to version 2; the last list is a while ago."""
    world.add_data("sales", 1000)
    cluster.apply(rollout={"mirror": {"percent": 100, "for": "1d"}}, triggers={"schedule": "30d"})
    await operator.relist()
    await settled(platform, operator)
    for number in range(1, 32):
        world.close("sales", day(number))
    await settled(platform, operator)
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 2


async def test_a_rollback_is_told_at_the_next_look_however_quick_it_was(platform, operator, cluster, world):
    await with_two_versions(platform, operator, cluster, world)
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"reason": "it is worse"})
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 1
    assert cluster.reasons()[-1] == "WentBack"


async def test_whatever_changes_a_loop_at_rest_is_told_at_the_next_look(platform, operator, cluster, world):
    await with_two_versions(platform, operator, cluster, world)
    await platform.call("POST", "/v1/loops/sales:pause", 200)
    await operator.follow()
    assert cluster.condition("Progressing")["reason"] == "Suspended"
    await platform.call("POST", "/v1/loops/sales:resume", 200)
    async with platform.app.state.sessions.begin() as session:
        await queries.set_message(session, 1, "serving does not answer")
    await operator.follow()
    assert cluster.condition("Stalled")["message"] == "serving does not answer"
    world.close("sales", day(32), standing=["drift:x"])
    await platform.rest()
    await operator.follow()
    assert cluster.condition("DriftDetected")["status"] == "True"


async def test_a_change_that_could_not_be_written_is_written_at_the_next_look(
    platform, operator, cluster, world
):
    await with_two_versions(platform, operator, cluster, world)
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"reason": "it is worse"})
    cluster.down = True
    await operator.follow()
    operator.since = datetime.now(UTC)
    cluster.down = False
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 1


async def test_a_list_that_takes_long_holds_no_change_up_and_takes_none_back(
    platform, operator, cluster, world
):
    await with_two_versions(platform, operator, cluster, world)
    begun, go, quick = asyncio.Event(), asyncio.Event(), cluster.list

    async def slow(*what, **more):
        found = await quick(*what, **more)
        begun.set()
        await go.wait()
        return found

    cluster.list = slow
    listing = asyncio.create_task(operator.relist())
    await begun.wait()
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"reason": "it is worse"})
    async with asyncio.timeout(2):
        await operator.follow()
        await operator.hear([cluster.apply("late")])
    assert cluster.status()["champion"]["version"] == 1
    go.set()
    await listing
    assert cluster.status("late")["phase"] == "Pending"
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 2})
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 2, "also after a list from before the change"


async def test_nothing_is_written_when_nothing_has_changed(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    before = cluster.patches, len(cluster.events)
    for _ in range(3):
        await operator.relist()
        await operator.follow()
    assert (cluster.patches, len(cluster.events)) == before


async def test_an_operator_that_begins_again_repeats_no_event(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    before = json.dumps(cluster.items["team-a", "sales"], sort_keys=True), list(cluster.events)
    await Operator(platform.app).relist()
    assert (json.dumps(cluster.items["team-a", "sales"], sort_keys=True), cluster.events) == before


async def test_a_new_spec_is_a_new_generation_and_an_old_event_is_none(platform, operator, cluster):
    old = cluster.apply()
    await operator.relist()
    await operator.hear([cluster.apply(cooldown="7d")])
    assert (await loop(platform))["document"]["spec"]["cooldown"] == "7d"
    assert cluster.status()["observedGeneration"] == 2
    await operator.hear([old])
    assert (await loop(platform))["generation"] == 2


async def test_a_resource_is_missed_twice_before_its_loop_is_closed(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    cluster.delete()
    await operator.relist()
    assert operator.hurried
    assert (await loop(platform))["state"] == "active"
    await operator.relist()
    assert (await loop(platform))["state"] == "deleting"
    await platform.rest()
    await loop(platform, expect=404)
    await operator.relist()
    assert (operator.missing, operator.hurried) == ({}, False)


async def test_a_list_that_fails_closes_nothing(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    cluster.delete()
    cluster.down = True
    for _ in range(5):
        with pytest.raises(MillraceError):
            await operator.relist()
    cluster.down = False
    await operator.relist()
    assert (await loop(platform))["state"] == "active"


async def test_a_resource_that_is_back_before_the_second_list_keeps_its_loop(
    platform, operator, cluster, world
):
    world.add_data("sales", 1000)
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    cluster.delete()
    await operator.relist()
    cluster.apply()
    await operator.relist()
    await operator.relist()
    found = await loop(platform)
    assert (found["state"], found["champion"], found["owner"]["uid"]) == ("active", 1, "uid-2")
    assert cluster.status()["champion"]["version"] == 1


async def test_loops_of_namespaces_that_are_not_watched_are_left_alone(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    platform.app.state.settings.watch_namespaces = ["team-b"]
    cluster.delete()
    for _ in range(3):
        await operator.relist()
    assert (await loop(platform))["state"] == "active"


async def test_a_namespace_is_a_project_by_its_own_name_or_as_configured(platform, operator, cluster):
    cluster.apply()
    cluster.apply(namespace="team-b")
    await operator.relist()
    await platform.call("GET", "/v1/loops/sales?project=team-b", 200)
    await platform.call("GET", "/v1/loops/sales?project=team-a", 404)
    assert (cluster.status()["project"], cluster.status(namespace="team-b")["project"]) == (
        "default",
        "team-b",
    )


async def test_what_a_resource_declares_is_not_changed_by_rest(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    changed = document(cooldown="3d")
    answer = await platform.call("PUT", TEAM.format("sales"), 409, json=changed)
    assert "the ModelLoop team-a/sales of the cluster" in answer["detail"]
    answer = await platform.call("DELETE", TEAM.format("sales"), 409)
    assert "team-a/sales" in answer["detail"]
    await platform.call("POST", "/v1/loops/sales:pause", 200)
    await operator.relist()
    assert (cluster.status()["phase"], cluster.condition("Progressing")["reason"]) == (
        "Suspended",
        "Suspended",
    )


async def test_a_loop_by_rest_is_taken_over_by_a_resource_of_its_name(platform, operator, cluster):
    await platform.call("PUT", TEAM.format("sales"), 200, json=document())
    cluster.apply()
    await operator.relist()
    assert (await loop(platform))["owner"]["uid"] == "uid-1"


async def test_two_namespaces_of_one_project_cannot_both_have_a_name(platform, operator, cluster):
    platform.app.state.settings.namespace_projects = {"team-a": "default", "team-b": "default"}
    cluster.apply()
    cluster.apply(namespace="team-b")
    await operator.relist()
    assert (await loop(platform))["owner"]["namespace"] == "team-a"
    refused = cluster.condition("Stalled", namespace="team-b")
    assert (refused["status"], refused["reason"]) == ("True", "Conflict")
    assert "team-a/sales" in refused["message"]
    assert cluster.condition("Stalled")["status"] == "False"


async def test_suspend_pauses_and_its_end_resumes_but_a_pause_by_hand_stays(platform, operator, cluster):
    cluster.apply(suspend=True)
    await operator.relist()
    assert (await loop(platform))["state"] == "paused"
    cluster.apply(suspend=False)
    await operator.relist()
    found = await loop(platform)
    assert (found["state"], found["generation"]) == ("active", 1)
    await platform.call("POST", "/v1/loops/sales:pause", 200)
    cluster.apply(suspend=False, cooldown="9d")
    await operator.relist()
    assert (await loop(platform))["state"] == "paused"


@pytest.mark.parametrize(
    "spec", [{"target": None}, {"surprise": 1}, {"data": {"dataset": "sales", "timezone": "Mars/Phobos"}}]
)
async def test_what_got_past_the_api_server_is_a_condition_and_no_crash(platform, operator, cluster, spec):
    cluster.apply(**spec)
    cluster.apply(name="good")
    await operator.relist()
    stalled = cluster.condition("Stalled")
    assert (stalled["status"], stalled["reason"], stalled["observedGeneration"]) == ("True", "InvalidSpec", 1)
    assert "spec." in stalled["message"]
    assert (cluster.status()["phase"], cluster.condition("Ready")["status"]) == ("Failed", "False")
    assert cluster.status("good")["phase"] == "Pending"
    await loop(platform, expect=404)
    cluster.items["team-a", "sales"]["spec"] = cluster.items["team-a", "good"]["spec"]
    cluster.items["team-a", "sales"]["metadata"]["generation"] = 2
    await operator.relist()
    assert cluster.condition("Stalled")["status"] == "False"


async def test_a_spec_that_became_invalid_leaves_the_loop_as_it_was(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    cluster.apply(surprise=1)
    await operator.relist()
    assert (cluster.status()["phase"], cluster.status()["champion"]["version"]) == ("Serving", 1)
    assert cluster.condition("Ready")["status"] == "True"
    assert "InvalidSpec" in cluster.reasons(warning=True)


async def test_options_that_cannot_be_honoured_are_a_condition(platform, operator, cluster):
    cluster.apply(placement={"queue": "team-a"}, data={"dataset": "sales", "source": {"path": "sales.csv"}})
    await operator.relist()
    ignored = cluster.condition("OptionsIgnored")
    assert ignored["status"] == "True"
    assert "Kueue" in ignored["message"]
    assert "millrace data push sales sales.csv" in ignored["message"]


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
async def test_a_queue_is_honoured_by_every_kueue_that_capabilities_finds(
    operator, cluster, monkeypatch, version
):
    async def serves(group_version, kind):
        return (group_version, kind) == (f"kueue.x-k8s.io/{version}", "LocalQueue")

    monkeypatch.setattr(cluster, "serves", serves)
    cluster.apply(placement={"queue": "team-a"})
    await operator.relist()
    assert cluster.condition("OptionsIgnored")["status"] == "False"


async def test_drift_is_a_condition_with_its_causes(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    found = {"alarms": [alarm(1, "drift:x", "drift")], "standing": ["drift:x"]}
    world.close("sales", day(1), **found)
    await settled(platform, operator)
    drift = cluster.condition("DriftDetected")
    assert (drift["status"], drift["message"]) == ("True", "Found as of 2024-02-02: drift:x")
    world.close("sales", day(2))
    await settled(platform, operator)
    assert cluster.condition("DriftDetected")["status"] == "False"


async def test_a_condition_keeps_the_time_of_its_last_change():
    found = LoopStatus.model_validate(
        {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]}
    )
    first = manifests.written(found, {}, "2026-01-01T00:00:00Z")
    again = manifests.written(found, first, "2026-01-02T00:00:00Z")
    assert again == first
    found.conditions[0].status = "False"
    assert (
        manifests.written(found, again, "2026-01-03T00:00:00Z")["conditions"][0]["lastTransitionTime"][:10]
        == "2026-01-03"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_a_patch_makes_the_one_of_the_other(before, after):
    change = manifests.patch(before, after)
    assert merged(before, change) == after
    assert bool(change) == (before != after)


class TestAtWork:
    @pytest.fixture
    async def work(self, platform, cluster, monkeypatch, request):
        for name in ("HURRIED", "GATHER", "FOLLOW", "LOOK"):
            monkeypatch.setattr(task, name, 0.05)
        monkeypatch.setattr(task, "EVERY", getattr(request, "param", 0.05))

        class Silent:
            alive = True

            def stop(self):
                return None

        work = Work(platform.app)
        monkeypatch.setattr(work, "_listening", Silent)
        running = asyncio.create_task(work.run())
        yield work
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert platform.app.state.operator is None

    async def eventually(self, check):
        for _ in range(100):
            if await check():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come true")

    async def test_a_watched_resource_is_declared_and_a_deleted_one_closed(self, work, platform, cluster):
        async def declared():
            answer = await platform.client.get(TEAM.format("sales"))
            return answer.status_code == 200

        async def closed():
            answer = await platform.client.get(TEAM.format("sales"))
            return answer.json().get("state") == "deleting"

        work._told("ADDED", cluster.apply())
        await self.eventually(declared)
        work._told("DELETED", cluster.delete())
        await self.eventually(closed)

    @pytest.mark.parametrize("work", [600.0], indirect=True)
    async def test_a_change_by_another_replica_is_told_without_a_bell_and_long_before_the_next_list(
        self, work, platform, cluster
    ):
        async def declared():
            return cluster.status().get("phase") == "Pending"

        async def told():
            return cluster.status()["phase"] == "Suspended"

        work._told("ADDED", cluster.apply())
        await self.eventually(declared)
        async with platform.app.state.sessions.begin() as session:
            await commands.move(session, await queries.get(session, "default", "sales"), "paused", "user:ada")
        await self.eventually(told)

    async def test_it_lives_through_an_api_server_that_is_down(self, work, platform, cluster):
        cluster.down = True
        await asyncio.sleep(0.3)
        assert (await platform.call("GET", "/healthz", 200))["status"] == "alive"
        cluster.down = False
        cluster.apply()

        async def told():
            return cluster.status().get("phase") == "Pending"

        await self.eventually(told)


async def test_liveness_fails_when_no_pass_comes_to_its_end(platform, operator):
    assert stuck(platform.app) is None
    operator.ended -= LONGEST_PASS + 1
    assert "has ended" in (await platform.call("GET", "/healthz", 503))["operator"]
