"""Archived and idle versions share a pod on a real cluster: nothing is lost while they move."""

import json
import time

import pytest
from tests.cluster import test_story as story
from tests.cluster.work import predicting

pytestmark = pytest.mark.timeout(1200)
TEAM, LOOP = story.TEAM, "tumours"
POOL = f"millrace-{TEAM}-standby"
VALUES = {"triton.standby": {"kind": "shared", "idleMinutes": 1}}
TRITON = "app.kubernetes.io/component=triton"
FIRST = """
import json, time
from millrace.client import Millrace
client = Millrace.from_environment("team-a")
rows = [{"size": 22.0, "texture": 19.0, "kind": "a"}]
began = time.monotonic()
answer = client.serving.predict("tumours", rows)
first = time.monotonic() - began
began = time.monotonic()
client.serving.predict("tumours", rows)
print(json.dumps([answer.version, round(first * 1000), round((time.monotonic() - began) * 1000)]))
"""


@pytest.fixture(scope="module")
def sharing(kube, release):
    """A loop with two versions; archived ones share a pod, and one that nobody asks for a minute joins them."""
    story.with_champion(kube, release)
    if len(ready(release)) < 2:
        release.call(f"client.controller.retrain({LOOP!r})", TEAM)
        kube.until("two versions", 300, lambda: len(ready(release)) >= 2, release.namespace)
    yield release
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)


def ready(release):
    """The endpoint's loaded revisions."""
    found = release.call(f"client.serving.endpoint({LOOP!r})", TEAM)["revisions"]
    return [item for item in found if item["state"] == "ready"]


def sits(release):
    """In whose pods the revision with the traffic sits, and the others."""
    found = ready(release)
    serving = [item["pods"]["kind"] for item in found if item["weight"]]
    return serving, [item["pods"]["kind"] for item in found if not item["weight"]]


def own(kube, release):
    """Deployments of revisions."""
    found = kube.get("deployments", release.namespace, TRITON)
    return sorted(item["metadata"]["name"] for item in found if item["metadata"]["name"] != POOL)


def test_an_archived_version_moves_into_the_shared_pod_and_answers_at_once_when_one_goes_back(kube, sharing):
    with predicting(sharing, TEAM, LOOP) as work:
        kube.until(
            "each in its place", 240, lambda: sits(sharing) == (["own"], ["shared"]), sharing.namespace
        )
        kube.until(
            "one Deployment and the shared one", 60, lambda: len(own(kube, sharing)) == 1, sharing.namespace
        )
        serving = story.loop(kube)["status"]["champion"]["version"]
        began = time.monotonic()
        sharing.call(f"client.controller.rollback({LOOP!r})", TEAM)
        took = time.monotonic() - began
        kube.until(
            "the other way round", 300, lambda: sits(sharing) == (["own"], ["shared"]), sharing.namespace
        )
        kube.until(
            "one Deployment and the shared one", 60, lambda: len(own(kube, sharing)) == 1, sharing.namespace
        )
        assert sharing.call(f"client.serving.endpoint({LOOP!r})", TEAM)["stable_version"] != serving
    print(f"\nback in {took:.1f} s with the call from outside;", json.dumps(work.found))
    assert work["failures"] == []
    assert len(work["revisions"]) == 2


def test_a_version_that_nobody_asks_gives_up_its_pods_and_answers_the_first_request(kube, sharing):
    kube.until("no pods of its own", 300, lambda: own(kube, sharing) == [], sharing.namespace)
    assert sits(sharing) == (["shared"], ["shared"])
    version, first, second = sharing.python(FIRST)
    print(f"\nfirst request after idling: {first} ms, the second: {second} ms")
    assert version == sharing.call(f"client.serving.endpoint({LOOP!r})", TEAM)["stable_version"]
    assert first < 2000
    with predicting(sharing, TEAM, LOOP) as work:
        kube.until("pods of its own again", 240, lambda: sits(sharing)[0] == ["own"], sharing.namespace)
        time.sleep(20)
    print(json.dumps(work.found))
    assert work["failures"] == []


def test_a_shared_pod_that_is_deleted_comes_back_with_everything(kube, sharing):
    (pod,) = [item for item in sharing.pods("triton") if item["metadata"]["name"].startswith(POOL)]
    kube.kubectl("delete", "pod", pod["metadata"]["name"], "-n", sharing.namespace, "--wait=false")

    def back():
        found = ready(sharing)
        names = [name for item in found if item["pods"]["kind"] == "shared" for name in item["pods"]["names"]]
        return names and pod["metadata"]["name"] not in names

    kube.until("another pod answers for what stands by", 180, back, sharing.namespace)
