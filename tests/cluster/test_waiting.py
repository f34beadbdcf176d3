"""Pods that cannot do their work: the resource says why while they wait, and the run ends with the reason in time."""

import json
import re

import pytest
from tests.cluster import test_story as story
from tests.cluster.kube import condition
from tests.cluster.release import NAME, RESTRICTED

pytestmark = pytest.mark.timeout(900)
TEAM = story.TEAM
PENDING = 45
"""Seconds after which a job whose pod does not start is called failed."""
VALUES = {"training.job.pendingSeconds": PENDING, "training.job.shortageSeconds": PENDING}


def loop(name, training):
    """A loop of the known data set whose jobs ask for what the cluster does not have."""
    text = story.LOOP.replace("name: tumours", f"name: {name}")
    return text.replace("training: {search: {trials: 4}, folds: 4}", f"training: {training}")


@pytest.fixture(scope="module")
def patient(kube, release):
    """A release that waits less long than usual; the data set is registered."""
    if "tumours" not in release.call(story.ROWS, TEAM):
        story.with_champion(kube, release)
    yield release
    kube.kubectl("delete", "modelloop", "--all", "-n", TEAM)


def says(kube, name, kind, reason):
    """The condition of *kind* once it gives that reason."""
    found = condition(story.loop(kube, name), kind)
    return found if found.get("reason") == reason else None


def test_what_no_node_can_hold_is_told_while_it_waits_and_ends_the_run_in_time(kube, patient):
    wanted = {"hungry": "pool", "hungry-ray": "ray"}
    for name, executor in wanted.items():
        kube.apply(loop(name, f"{{executor: {executor}, limits: {{memory: 500Gi}}}}"), TEAM)
    for name in wanted:
        told = kube.until(
            f"{name} tells", 60, lambda name=name: says(kube, name, "Progressing", "Unschedulable"), patient.namespace
        )  # fmt: skip
        assert "memory" in told["message"]
        assert "Unschedulable" in kube.kubectl("get", "modelloop", name, "-n", TEAM)
    for name in wanted:
        ended = patient.call(f"client.controller.await_run({name!r}, 1, timeout={PENDING + 60})", TEAM)
        assert ended["state"] == "failed"
        seconds = re.search(r"after (\d+) s", ended["message"])
        assert seconds, ended["message"]
        assert PENDING <= int(seconds[1]) < PENDING + 30


def test_training_that_is_killed_for_its_memory_ends_the_run_with_that_reason(kube, patient):
    kube.apply(loop("starved", "{search: {trials: 4}, folds: 4, limits: {memory: 96Mi}}"), TEAM)
    kube.until(
        "the loop is taken up", 30, lambda: (story.loop(kube, "starved").get("status") or {}).get("phase")
    )
    ended = patient.call("client.controller.await_run('starved', 1, timeout=180)", TEAM)
    assert ended["state"] == "failed"
    assert "memory" in ended["message"].lower()
    kube.until(
        "it tells",
        30,
        lambda: condition(story.loop(kube, "starved"), "Stalled").get("status") == "True",
        patient.namespace,
    )


@pytest.fixture
def full(kube, patient):
    """The node has room for the pod of Helm's test and for no job: a pod that does nothing has reserved the rest."""
    described = kube.kubectl("describe", "nodes", "-l", "type!=kwok")
    allowed = re.search(r"Allocatable:\n\s+cpu:\s+(\d+)\n", described)
    taken = re.search(r"Allocated resources:[\s\S]*?\n\s+cpu\s+(\d+)m", described)
    free = 1000 * int(allowed[1]) - int(taken[1])
    kube.apply(json.dumps(idle(patient.tag, f"{free - 80}m")), TEAM)
    kube.kubectl("wait", "--for=condition=Ready", "pod/idle", "-n", TEAM, "--timeout=60s")
    yield patient
    kube.kubectl("delete", "pod", "idle", "-n", TEAM, "--grace-period=1")
    kube.kubectl("delete", "pod", f"{NAME}-test", "-n", patient.namespace, "--ignore-not-found")


def idle(tag, cpu):
    """A pod that reserves so much."""
    container = {
        "name": "main",
        "image": f"docker.io/millrace/controller:{tag}",
        "command": ["sleep", "10000"],
        "resources": {"requests": {"cpu": cpu}},
        "securityContext": RESTRICTED | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    spec = {"containers": [container], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "idle"}, "spec": spec}


def test_helms_test_says_what_waits_for_which_room_where_no_processor_is_free(kube, full):
    with pytest.raises(AssertionError) as failed:
        kube.helm("test", NAME, "-n", full.namespace, "--logs", "--timeout", "280s")
    said = str(failed.value)
    assert "Insufficient cpu" in said
    assert "training.job.cpu is what one job asks for" in said


def test_an_image_that_cannot_be_pulled_is_told_while_it_waits(kube, patient):
    patient.upgrade("--set", "training.job.image.tag=nowhere")
    kube.apply(loop("imageless", "{search: {trials: 4}, folds: 4}"), TEAM)
    told = kube.until(
        "it tells", 60, lambda: says(kube, "imageless", "Stalled", "ImagePullBackOff"), patient.namespace
    )
    assert "nowhere" in told["message"]
    ended = patient.call(f"client.controller.await_run('imageless', 1, timeout={PENDING + 90})", TEAM)
    assert ended["state"] == "failed"
    assert "image" in ended["message"].lower()
