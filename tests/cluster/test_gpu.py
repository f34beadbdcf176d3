"""What the scheduler does with GPUs: real scheduling, preemption and quotas on nodes of which only the names are real.

Nodes are taken that have GPUs and run nothing (kwok); on other clusters these tests are left out.
"""

import json

import pytest
from tests.cluster import test_story as story
from tests.cluster.release import RESTRICTED
from tests.cluster.test_waiting import VALUES, loop, patient, says

pytestmark = pytest.mark.timeout(600)
TEAM = story.TEAM
__all__ = ["VALUES", "patient"]
GPUS = 8
"""Of one such node."""


@pytest.fixture(scope="module")
def nodes(kube):
    """Names of the nodes that have GPUs and run nothing."""
    found = json.loads(kube.kubectl("get", "nodes", "-l", "type=kwok", "-o", "json"))["items"]
    names = [node["metadata"]["name"] for node in found if "nvidia.com/gpu" in node["status"]["allocatable"]]
    if not names:
        pytest.skip("no nodes with GPUs that run nothing (kwok)")
    return names


def training(release, name):
    """The pods of a loop's training job, the one that asks for GPUs."""
    pods = release.kube.get(
        "pods", release.namespace, f"millrace.dev/loop={name},app.kubernetes.io/component=job"
    )
    return [
        pod for pod in pods if "nvidia.com/gpu" in pod["spec"]["containers"][0]["resources"].get("limits", {})
    ]


def asks(name, gpus, **more):
    """A loop whose training asks for GPUs."""
    placement = json.dumps({"gpus": gpus} | more)
    return loop(name, "{search: {trials: 2}, folds: 2}") + f"  placement: {placement}\n"


def test_training_with_gpus_lands_on_their_nodes_and_what_needs_none_does_not(kube, patient, nodes):
    kube.apply(asks("gpu-one", 1), TEAM)
    (pod, *_) = kube.until("its pod", 120, lambda: training(patient, "gpu-one"), patient.namespace)
    name = pod["metadata"]["name"]
    node = kube.until(
        "a node",
        30,
        lambda: kube.one("pod", name, patient.namespace)["spec"].get("nodeName"),
        patient.namespace,
    )
    assert node in nodes
    light = kube.get("pods", patient.namespace, "millrace.dev/loop=gpu-one,app.kubernetes.io/component=job")
    assert {p["spec"].get("nodeName") for p in light if p["metadata"]["name"] != name}.isdisjoint(nodes)
    kube.kubectl("delete", "modelloop", "gpu-one", "-n", TEAM)


def test_more_gpus_than_a_node_has_is_told_while_it_waits(kube, patient, nodes):
    kube.apply(asks("gpu-nine", GPUS + 1), TEAM)
    told = kube.until(
        "it tells", 120, lambda: says(kube, "gpu-nine", "Progressing", "Unschedulable"), patient.namespace
    )
    assert "nvidia.com/gpu" in told["message"]
    kube.kubectl("delete", "modelloop", "gpu-nine", "-n", TEAM)


def test_a_quota_that_allows_no_gpus_is_told_by_its_name(kube, patient, nodes):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-gpus"},
        "spec": {"hard": {"requests.nvidia.com/gpu": "0"}},
    }
    kube.apply(json.dumps(quota), patient.namespace)
    try:
        kube.apply(asks("gpu-quota", 1), TEAM)
        told = kube.until(
            "it tells",
            120,
            lambda: says(kube, "gpu-quota", "Progressing", "QuotaExceeded"),
            patient.namespace,
        )
        assert "no-gpus" in told["message"]
    finally:
        kube.kubectl("delete", "resourcequota", "no-gpus", "-n", patient.namespace)
        kube.kubectl("delete", "modelloop", "gpu-quota", "-n", TEAM, check=False)


def test_training_of_higher_priority_takes_the_gpus_of_a_pod_of_lower_priority(kube, patient, nodes):
    for name, value in (("millrace-low", -1000), ("millrace-high", 1000)):
        made = {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
        }
        kube.apply(json.dumps(made))
    for node in nodes[1:]:
        kube.kubectl("cordon", node)
    try:
        kube.apply(json.dumps(greedy(patient.namespace)), patient.namespace)
        kube.until(
            "it has all GPUs",
            30,
            lambda: kube.one("pod", "greedy", patient.namespace)["spec"].get("nodeName"),
        )
        kube.apply(asks("gpu-high", GPUS, priorityClass="millrace-high"), TEAM)
        kube.until(
            "the other is preempted", 120, lambda: preempted(kube, patient.namespace), patient.namespace
        )
    finally:
        kube.kubectl(
            "delete", "pod", "greedy", "-n", patient.namespace, "--force", "--grace-period=0", check=False
        )
        kube.kubectl("delete", "modelloop", "gpu-high", "-n", TEAM, check=False)
        for node in nodes[1:]:
            kube.kubectl("uncordon", node)


def preempted(kube, namespace):
    """What the scheduler says of the greedy pod's end: that it had to go, and for which pod."""
    chosen = "involvedObject.name=greedy,reason=Preempted"
    said = kube.kubectl("get", "events", "-n", namespace, "--field-selector", chosen, "-o", "json")
    return [event["message"] for event in json.loads(said)["items"]]


def greedy(namespace):
    """A pod of low priority that wants all GPUs of a node."""
    limits = {"nvidia.com/gpu": str(GPUS)}
    container = {
        "name": "main",
        "image": "docker.io/millrace/none:none",
        "resources": {"limits": limits},
        "securityContext": RESTRICTED | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": namespace},
        "spec": {
            "priorityClassName": "millrace-low",
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "containers": [container],
        },
    }
