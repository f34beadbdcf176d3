"""What is installed can be taken away and put back: only volumes stay, and the loop goes on where it was."""

import json

import pytest
from tests.cluster import test_story as story
from tests.cluster.release import ENFORCED, MINE, NAME

pytestmark = pytest.mark.timeout(900)
TEAM = story.TEAM
KINDS = (
    "deployments,statefulsets,replicasets,pods,jobs,services,configmaps,serviceaccounts,roles,rolebindings,"
    "networkpolicies,poddisruptionbudgets"
)
DECISIONS = "[item.id for item in client.registry.decisions(loop='tumours')]"


@pytest.fixture(scope="module")
def loop(kube, release):
    """A loop with a champion."""
    return story.with_champion(kube, release)


def left(kube, namespace):
    """Names of what a namespace still has of the release, pods made at run time included."""
    found = kube.kubectl("get", KINDS, "-n", namespace, "-l", f"{MINE}", "-o", "name").split()
    return [name for name in found if "toolbox" not in name]


def test_the_releases_own_test_runs_a_loop_and_leaves_nothing_of_it(kube, release):
    said = kube.helm("test", NAME, "-n", release.namespace, "--logs", "--timeout", "300s")
    assert "it predicts" in said
    kube.until("its loop is gone", 60, lambda: not release.call("client.controller.loops()", "selftest"))


def test_uninstalled_and_installed_again_on_its_volumes_it_goes_on_where_it_was(kube, release, loop):
    before = release.python(story.PREDICT)
    told = release.call(DECISIONS, TEAM)
    release.uninstall()
    kube.until("everything is gone", 120, lambda: not left(kube, release.namespace), release.namespace)
    claims = kube.get("persistentvolumeclaims", release.namespace)
    assert {claim["status"]["phase"] for claim in claims} == {"Bound"}
    assert story.loop(kube)["status"]["champion"]["version"] == loop["champion"]["version"]
    ready = kube.until("it is not called ready", 60, lambda: uninstalled(kube), release.namespace)
    assert ready["status"] == "False"
    assert not kube.get("jobs", release.namespace, "app.kubernetes.io/component=farewell")
    release.install()
    kube.until("it predicts", 120, lambda: answers(release, before), release.namespace)
    kube.until("it is ready again", 60, lambda: uninstalled(kube) is None, release.namespace)
    assert release.call(DECISIONS, TEAM) == told
    assert release.call("client.registry.verify_decisions()", TEAM)["ok"]


def uninstalled(kube):
    """The condition Ready, once it says that the release is uninstalled."""
    told = {item["type"]: item for item in story.loop(kube)["status"]["conditions"]}
    return told["Ready"] if told["Ready"]["reason"] == "Uninstalled" else None


def answers(release, before):
    """Whether the prediction is the same as before."""
    try:
        now = release.python(story.PREDICT)
    except AssertionError:
        return False
    return (now["predictions"], now["version"]) == (before["predictions"], before["version"])


GONE = "team-gone"
LOOPS = "[item.name for item in client.controller.loops()]"


def settle(kube, release):
    """A namespace with a loop that has a champion."""
    kube.namespace(GONE, **ENFORCED)
    kube.apply(story.LOOP, GONE)
    kube.until("the loop is taken up", 30, lambda: (theirs(kube).get("status") or {}).get("phase"))
    story.feed(release, team=GONE)
    kube.until(
        "a champion",
        240,
        lambda: (theirs(kube)["status"].get("champion") or {}).get("version"),
        release.namespace,
    )


def theirs(kube):
    return kube.one("modelloop", "tumours", GONE) or {}


def closed(kube, release):
    """Whether nothing is left of that namespace's loop: neither the loop nor its pods."""
    pods = [
        pod
        for pod in kube.get("pods", release.namespace, TRITON)
        if GONE in json.dumps(pod["metadata"]["labels"])
    ]
    return not release.call(LOOPS, GONE) and not pods


TRITON = "app.kubernetes.io/component=triton"


def test_a_namespace_deleted_while_no_operator_is_there_goes_and_its_loop_later(kube, release, loop):
    settle(kube, release)
    assert not closed(kube, release)
    kube.kubectl("scale", f"deployment/{NAME}-controller", "--replicas=0", "-n", release.namespace)
    kube.until("no controller", 60, lambda: not release.pods("controller"), release.namespace)
    kube.kubectl("delete", "namespace", GONE, "--timeout=120s")
    kube.kubectl("scale", f"deployment/{NAME}-controller", "--replicas=1", "-n", release.namespace)
    kube.until("a controller", 120, release.ready, release.namespace)
    kube.until("nothing is left of it", 180, lambda: closed(kube, release), release.namespace)
    assert story.champion(kube)


def test_a_namespace_deleted_behind_an_uninstalled_release_goes_and_its_loop_later(kube, release, loop):
    settle(kube, release)
    release.uninstall()
    kube.kubectl("delete", "namespace", GONE, "--timeout=120s")
    assert "kept" in kube.helm("uninstall", "millrace-crds", "-n", "default")
    assert story.loop(kube) is not None
    release.install()
    kube.until("nothing is left of it", 240, lambda: closed(kube, release), release.namespace)
