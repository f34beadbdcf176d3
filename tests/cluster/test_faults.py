"""Everything that runs is broken once while a loop runs and people ask: nothing is lost, nothing is done twice.

Two gateways, two pods of each model revision and two controllers; everything else once.
"""

import contextlib
import json
import os
import shlex
import subprocess
import time

import pytest
from tests.cluster import test_story as story
from tests.cluster.kube import condition
from tests.cluster.release import MINE, NAME, PAIRS
from tests.cluster.work import predicting, writing

pytestmark = pytest.mark.timeout(1200)
TEAM, LOOP = story.TEAM, "tumours"
VALUES = PAIRS
HELM = "app.kubernetes.io/managed-by=Helm"
ANSWERED = 0.999
"""Share of inference that is answered while every pod dies once, with two of each on its way."""
PODS = ("training", "registry", "controller", "monitoring", "serving", "gateway", "triton", "postgres")


@pytest.fixture(scope="module")
def pairs(kube, release):
    """Two of each pod on the way of a prediction, two controllers, and a loop with a champion."""
    story.with_champion(kube, release)
    kube.until("all pods Ready", 120, lambda: len(release.pods("triton")) >= 2 and release.ready())
    return release


def phase(kube, name):
    return ((kube.one("modelloop", name, TEAM) or {}).get("status") or {}).get("phase")


def in_flight(release):
    """The number of a loop run that is under way, begun now if there is none."""
    runs = release.call("client.controller.runs('tumours')", TEAM)
    going = [run["number"] for run in runs if run["ended_at"] is None]
    return going[0] if going else release.call("client.controller.retrain('tumours')", TEAM)["number"]


def numbers(release):
    """The numbers of the loop's runs so far."""
    return {run["number"] for run in release.call("client.controller.runs('tumours')", TEAM)}


def replaced(release, part):
    """Delete one pod of *part* and wait until everything is Ready again."""
    meta = release.pods(part)[0]["metadata"]
    release.kube.kubectl("delete", "pod", meta["name"], "-n", release.namespace, "--wait=false")

    def back():
        return meta["uid"] not in {pod["metadata"]["uid"] for pod in release.pods(part)} and release.ready()

    release.kube.until(f"{part} is back", 120, back, release.namespace)


def promoted(story_told):
    return [
        item["run"] for item in story_told if item["kind"] == "run.closed" and item["outcome"] == "promoted"
    ]


def test_every_pod_dies_once_during_loop_runs_and_the_state_is_the_same_as_without(kube, pairs):
    before = numbers(pairs)
    with predicting(pairs, TEAM, LOOP) as asked, writing(pairs, "probe") as written:
        for part in PODS:
            run = in_flight(pairs)
            replaced(pairs, part)
        for label in ("pipeline", "job"):
            run = in_flight(pairs)
            kube.until(f"a pod of the {label}", 180, lambda label=label: pairs.names(label, running=True))
            kube.kubectl(
                "delete", "pod", "-n", pairs.namespace, pairs.names(label, running=True)[0], "--wait=false"
            )
        ended = pairs.call(f"client.controller.await_run('tumours', {run}, timeout=300)", TEAM)
    assert ended["state"] == "promoted", ended
    told = pairs.call("list(client.registry.decisions(loop='tumours'))", TEAM)
    made = numbers(pairs) - before
    assert {number for number in promoted(told) if number in made} == made
    assert len(promoted(told)) == len(set(promoted(told)))
    assert len(pairs.call("client.registry.versions('tumours')", TEAM)) == len(promoted(told))
    assert pairs.call("client.registry.aliases('tumours')", TEAM)["champion"] == ended["version"]
    assert pairs.call("client.registry.verify_decisions()", TEAM)["ok"]
    assert written["lost"] == []
    assert written["acknowledged"] > 50
    assert asked["answered"] >= ANSWERED * asked["sent"], asked.found
    print(
        f"\n{asked['answered']} of {asked['sent']} predictions answered, slowest {asked['slowest_seconds']} s; "
        f"{written['acknowledged']} writes acknowledged, {written['refused']} refused, none lost; {len(made)} runs"
    )


def test_the_api_evicts_one_of_two_and_refuses_the_second(kube, pairs):
    for part in ("gateway", "triton"):
        kube.until("all pods Ready", 120, pairs.ready, pairs.namespace)
        count = len(pairs.pods(part))
        first, second = pairs.names(part)[-2:]
        with predicting(pairs, TEAM, LOOP) as asked:
            assert evicted(kube, pairs.namespace, first)
            assert "disruption budget" in evicted(kube, pairs.namespace, second, allowed=False)
            kube.until(
                f"{part} is whole again", 120,
                lambda part=part, count=count: len(pairs.pods(part)) == count and pairs.ready(), pairs.namespace,
            )  # fmt: skip
        assert asked["failures"] == []


def evicted(kube, namespace, pod, allowed=True):
    """Ask the Eviction API for a pod; what it says."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    return kube.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body), check=allowed)


def test_an_upgrade_that_replaces_every_pod_fails_no_request_of_clients_that_keep_their_connections(
    kube, pairs
):
    before = pods(kube, pairs)
    with contextlib.ExitStack() as several:
        work = [several.enter_context(predicting(pairs, TEAM, LOOP, every)) for every in (0.02, 0.05, 1.0)]
        pairs.upgrade("--set", "pods.annotations.round=two")

        def gone():
            return before.isdisjoint(pod["metadata"]["uid"] for pod in kube.get("pods", pairs.namespace))

        kube.until("the old pods have ended", 240, gone, pairs.namespace)
    assert sum(item["sent"] for item in work) > 300
    assert [item["failures"] for item in work] == [[], [], []]


def pods(kube, release):
    """The chart's pods, by uid."""
    return {pod["metadata"]["uid"] for pod in kube.get("pods", release.namespace, f"{MINE},{HELM}")}


def test_when_the_leading_controller_dies_mid_run_the_other_goes_on_with_the_same_run(kube, pairs):
    before = numbers(pairs)
    status = kube.one("modelloop", LOOP, TEAM)["status"]
    run = pairs.call("client.controller.retrain('tumours')", TEAM)["number"]
    kube.until("the run's pipeline", 60, lambda: pairs.names("pipeline", running=True), pairs.namespace)
    leader = kube.kubectl("get", "pods", "-n", pairs.namespace, "-l", f"{MINE},app.kubernetes.io/component=controller",
                          "-o", "name")  # fmt: skip
    for pod in leader.split():
        kube.kubectl("delete", "-n", pairs.namespace, pod, "--grace-period=0", "--force", "--wait=false")
        time.sleep(1)
        kube.until("a controller answers", 60, lambda: pairs.names("controller"), pairs.namespace)
    ended = pairs.call(f"client.controller.await_run('tumours', {run}, timeout=300)", TEAM)
    assert ended["state"] == "promoted"
    assert numbers(pairs) == before | {run}
    told = promoted(pairs.call("list(client.registry.decisions(loop='tumours'))", TEAM))
    assert sorted(told) == sorted({*told})
    after = kube.until("the status", 30, lambda: moved(kube, ended["version"]), pairs.namespace)
    assert condition({"status": status}, "DataAccepted") == condition({"status": after}, "DataAccepted")


def moved(kube, version):
    status = kube.one("modelloop", LOOP, TEAM)["status"]
    return status if status["champion"]["version"] == version else None


def test_without_an_operator_a_resource_is_deleted_at_once_and_its_loop_is_closed_later(kube, pairs):
    idle = story.LOOP.replace("tumours", "idle")
    kube.apply(idle, TEAM)
    kube.until("the loop is taken up", 30, lambda: phase(kube, "idle"), pairs.namespace)
    deployment = f"deployment/{NAME}-controller"
    kube.kubectl("scale", deployment, "--replicas=0", "-n", pairs.namespace)
    kube.until("no controller", 60, lambda: not pairs.names("controller"), pairs.namespace)
    kube.kubectl("delete", "modelloop", "idle", "-n", TEAM, timeout=10)
    assert kube.one("modelloop", "idle", TEAM) is None
    kube.kubectl("scale", deployment, "--replicas=2", "-n", pairs.namespace)
    kube.until(
        "the controllers", 120, lambda: len(pairs.pods("controller")) == 2 and pairs.ready(), pairs.namespace
    )
    names = "[loop.name for loop in client.controller.loops()]"
    kube.until("the loop is closed", 120, lambda: "idle" not in pairs.call(names, TEAM), pairs.namespace)


@pytest.mark.skipif(
    "MILLRACE_CLUSTER_OUTAGE" not in os.environ,
    reason="MILLRACE_CLUSTER_OUTAGE: a command that takes the API server away for 30 s and brings it back",
)
def test_while_the_api_server_is_away_predictions_go_on_and_a_run_ends_afterwards(kube, pairs):
    with predicting(pairs, TEAM, LOOP) as asked:
        run = pairs.call("client.controller.retrain('tumours')", TEAM)["number"]
        subprocess.run(shlex.split(os.environ["MILLRACE_CLUSTER_OUTAGE"]), check=True, timeout=120)
        kube.until("the API server", 60, lambda: "ok" in kube.kubectl("get", "--raw", "/readyz", check=False))
        ended = pairs.call(f"client.controller.await_run('tumours', {run}, timeout=300)", TEAM)
    assert ended["state"] == "promoted"
    assert asked["failures"] == []
    assert asked["sent"] > 300
