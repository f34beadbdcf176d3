"""ModelLoops of a cluster: declared, owned, and closed only when they are surely gone."""

import pytest

from millrace_core.errors import MillraceError

from ..conftest import document
from .conftest import TEAM, loop, settled


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
    platform.services.settings.watch_namespaces = ["team-b"]
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
    platform.services.settings.namespace_projects = {"team-a": "default", "team-b": "default"}
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


async def test_another_task_than_the_champions_is_a_condition_and_the_champion_stays(
    platform, operator, cluster, world
):
    world.add_data("sales", 1000)
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    cluster.apply(task="multiclass")
    await operator.relist()
    stalled = cluster.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "Conflict")
    assert "was trained for 'regression'" in stalled["message"]
    assert "Declare a loop of another name" in stalled["message"]
    assert (cluster.status()["phase"], cluster.status()["champion"]["version"]) == ("Serving", 1)
    cluster.apply(cooldown="9d")
    await operator.relist()
    assert cluster.condition("Stalled")["status"] == "False"


async def test_options_that_cannot_be_honoured_are_a_condition(platform, operator, cluster):
    cluster.apply(placement={"queue": "team-a"}, data={"dataset": "sales", "source": {"path": "sales.csv"}})
    await operator.relist()
    ignored = cluster.condition("OptionsIgnored")
    assert ignored["status"] == "True"
    assert "Kueue" in ignored["message"]
    assert "millrace data push sales sales.csv" in ignored["message"]


@pytest.mark.parametrize("there", [True, False])
async def test_workers_without_kuberay_share_a_pod_and_the_loop_says_so(
    operator, cluster, monkeypatch, there
):
    async def serves(group_version, kind):
        return there and (group_version, kind) == ("ray.io/v1", "RayJob")

    monkeypatch.setattr(cluster, "serves", serves)
    code = {"digest": f"sha256:{'a' * 64}"}
    cluster.apply(training={"executor": "ray", "workers": 400, "code": code})
    await operator.relist()
    ignored = cluster.condition("OptionsIgnored")
    assert ignored["status"] == ("False" if there else "True")
    assert ("share one pod" in ignored["message"]) is not there


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


ASKS = {"approval": {"by": ["ada", "bob"], "of": 2}}


async def test_a_resource_cannot_ask_for_less_approval_as_nobody_knows_who_applied_it(
    platform, operator, cluster
):
    cluster.apply(gates=ASKS)
    await operator.relist()
    for weaker in ({}, {"approval": {"by": ["ada", "bob"], "of": 1}}):
        await operator.hear([cluster.apply(gates=weaker)])
        assert (await loop(platform))["document"]["spec"]["gates"]["approval"]["of"] == 2
        assert "an approver has to declare that" in cluster.condition("Stalled")["message"]
    await operator.hear([cluster.apply(gates={"approval": {"by": ["ada"], "of": 1}})])
    await operator.hear([cluster.apply(gates=ASKS)])
    assert cluster.condition("Stalled")["status"] == "False"


async def test_nor_can_another_resource_of_its_name(platform, operator, cluster):
    platform.services.settings.approval_policy = True
    cluster.apply(gates=ASKS)
    await operator.relist()
    await settled(platform, operator)
    cluster.delete()
    for _ in range(2):
        await operator.relist()
    await platform.rest()
    cluster.apply()
    await operator.relist()
    assert "an approver has to declare that" in cluster.condition("Stalled")["message"]
    await loop(platform, expect=404)


async def test_where_the_api_server_looks_at_who_applies_it_may(platform, operator, cluster):
    platform.services.settings.approval_policy = True
    cluster.apply(gates=ASKS)
    await operator.relist()
    await operator.hear([cluster.apply(gates={})])
    assert "approval" not in (await loop(platform))["document"]["spec"]["gates"]


async def test_a_candidate_of_a_resource_waits_and_its_status_says_so(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply(gates=ASKS)
    await operator.relist()
    await settled(platform, operator)
    status = cluster.status()
    assert (status["phase"], status["run"]["state"]) == ("AwaitingApproval", "awaiting-approval")
    assert cluster.condition("Approved")["reason"] == "Waiting"
    assert "0 of 2 approvals" in cluster.condition("Approved")["message"]
    assert "'millrace approvals show sales'" in cluster.condition("Approved")["message"]
