"""When a job begins: by what is free on the nodes, where training may see them, or by the quota of Kueue's queue."""

import json
from pathlib import Path

import pytest
from tests.cluster import test_story as story
from tests.cluster.kube import condition

pytestmark = pytest.mark.timeout(900)
TEAM, LOOP, QUEUE = story.TEAM, "queued", "test-queue"
VALUES = {"training.job.seeNodes": True}
PAGE = Path(__file__).parents[2] / "k8s" / "kueue" / "queues.yaml"
ROOM = """
import json
from millrace.client import Millrace
from millrace_contracts.room import RunSize
small, huge = ({"limits": {"memory_mb": size}} for size in (1024, 512000))
found = Millrace.from_environment("team-a").training.room([RunSize.model_validate(it) for it in (small, huge)])
print(found.model_dump_json())
"""


def test_training_that_sees_the_nodes_says_what_fits_before_anything_is_made(kube, release):
    small, huge = release.python(ROOM)["sizes"]
    assert small["fits"] >= 1, small
    assert huge["fits"] == 0
    assert "the roomiest of 1 nodes has" in huge["lacks"]


def quota(cpu):
    """A queue in Kueue's words, with so much processor for all of its jobs."""
    resources = [{"name": "cpu", "nominalQuota": cpu}, {"name": "memory", "nominalQuota": "16Gi"}]
    groups = [{"coveredResources": ["cpu", "memory"], "flavors": [{"name": QUEUE, "resources": resources}]}]
    kueue = {"apiVersion": "kueue.x-k8s.io/v1beta2", "metadata": {"name": QUEUE}}
    return [
        kueue | {"kind": "ResourceFlavor"},
        kueue | {"kind": "ClusterQueue", "spec": {"namespaceSelector": {}, "resourceGroups": groups}},
        kueue | {"kind": "LocalQueue", "spec": {"clusterQueue": QUEUE}},
    ]


@pytest.fixture
def kueue(kube):
    """Kueue, where the cluster has it."""
    if not kube.kubectl("get", "crd", "clusterqueues.kueue.x-k8s.io", "--ignore-not-found"):
        pytest.skip("no Kueue")


@pytest.fixture
def queue(kube, release, kueue):
    """A queue without any quota yet."""
    kube.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": quota("0")}), release.namespace)
    yield QUEUE
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)
    kube.kubectl("delete", "localqueue", QUEUE, "-n", release.namespace, "--wait=false")
    kube.kubectl("delete", "clusterqueue,resourceflavor", QUEUE, "--wait=false")


def test_a_job_with_a_queues_name_waits_until_kueue_admits_it(kube, release, queue):
    loop = story.LOOP.replace("name: tumours", f"name: {LOOP}") + f"  placement: {{queue: {queue}}}\n"
    kube.apply(loop, TEAM)
    kube.until("the loop is taken up", 60, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    story.feed(release, LOOP)
    kube.until("it waits in its queue", 180, lambda: waits(kube), release.namespace)
    jobs = kube.get("jobs", release.namespace, f"millrace.dev/loop={LOOP},kueue.x-k8s.io/queue-name={queue}")
    assert [job["spec"]["suspend"] for job in jobs] == [True]
    assert not kube.get("pods", release.namespace, f"job-name={jobs[0]['metadata']['name']}")
    (work,) = [
        item for item in kube.get("workloads", release.namespace) if item["spec"]["queueName"] == queue
    ]
    reserved = condition(work, "QuotaReserved")
    assert (reserved["status"], "insufficient" in reserved["message"]) == ("False", True)
    kube.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": quota("2")}), release.namespace)
    kube.until("a champion", 300, lambda: story.champion(kube, LOOP), release.namespace)


def waits(kube):
    """Whether the resource says that its job stands in Kueue's queue."""
    return "It waits in its queue" in condition(story.loop(kube, LOOP), "Progressing").get("message", "")


@pytest.fixture
def page(kube, kueue):
    """The queues of `k8s/kueue`, in the namespace that they name."""
    kube.namespace("millrace-workloads")
    kube.kubectl("apply", "-f", str(PAGE))
    yield
    kube.kubectl("delete", "-f", str(PAGE), "--ignore-not-found", "--wait=false")
    kube.kubectl("delete", "namespace", "millrace-workloads", "--wait=false")


def test_the_queues_of_the_page_about_gpus_are_ones_that_kueue_admits_to(kube, page):
    for kind, place in (("clusterqueue", ()), ("localqueue", ("-n", "millrace-workloads"))):
        kube.kubectl("wait", "--for=condition=Active", f"{kind}/training", *place, "--timeout=30s")
