"""A pipeline in a Kubernetes Job: made once, its result read from the pod, and every way to fail told in words."""

import json
from datetime import UTC, datetime

import pytest

from millrace_controller.backtests.replaying import Replaying
from millrace_controller.main import ControllerSettings
from millrace_controller.pipelines import job as module
from millrace_controller.pipelines.attempts import Attempt, Ended
from millrace_controller.pipelines.job import JobRunner
from millrace_core.errors import Conflict, Forbidden, Unavailable

ATTEMPT = Attempt(
    project="team-a",
    loop="flights",
    run=3,
    number=1,
    opened=datetime(2026, 1, 1, tzinfo=UTC),
    steps={},
    rejected=False,
    wall_seconds=3600,
    before=None,
)


class Cluster:
    """The little of an API server that a Job needs; the test is its controllers."""

    def __init__(self):
        self.jobs, self.pods, self.events, self.said, self.deleted = {}, [], [], "", []
        self.refuse = ""

    async def create(self, manifest, namespace):
        name = manifest["metadata"]["name"]
        if self.refuse:
            raise Forbidden(self.refuse)
        if name in self.jobs:
            raise Conflict(f"jobs {name} already exists")
        self.jobs[name] = manifest | {"status": {}}
        return self.jobs[name]

    async def get(self, kind, name, namespace, api_version="v1"):
        if kind == "ServiceAccount":
            return {"metadata": {"name": name, "uid": "an-account"}}
        assert (kind, namespace, api_version) == ("Job", "work", "batch/v1")
        return self.jobs.get(name)

    async def list(self, kind, namespace, labels="", api_version="v1", fields=""):
        name = self.only["metadata"]["name"] if self.jobs else self.deleted[-1]
        if kind == "Event":
            assert f"involvedObject.name={name}" in fields
            return self.events
        assert (kind, labels) == ("Pod", f"batch.kubernetes.io/job-name={name}")
        return self.pods

    async def delete(self, kind, name, namespace, api_version="v1", foreground=False):
        assert foreground
        self.deleted.append(name)
        return self.jobs.pop(name, None) is not None

    async def log(self, pod, namespace, container=None, lines=50):
        return self.said

    @property
    def only(self):
        (job,) = self.jobs.values()
        return job

    def finish(self, kind="Complete", reason="", message=""):
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        self.only["status"]["conditions"] = [condition]


def pod(phase="Running", conditions=(), **state):
    containers = [{"name": "pipeline", "state": state}] if state else []
    status = {"phase": phase, "conditions": list(conditions), "containerStatuses": containers}
    return {"metadata": {"name": "flights-x"}, "status": status}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def runner(cluster, clock, tmp_path):
    settings = ControllerSettings(
        home=tmp_path, workloads_namespace="work", runner_image="runner:1", platform="kubernetes",
        registry_url="http://millrace-registry.millrace.svc:8080", tolerations=[{"key": "spot", "operator": "Exists"}],
    )  # fmt: skip
    return JobRunner(settings, cluster, clock)


async def looked(runner, handle):
    return await runner.look(ATTEMPT, handle)


async def test_the_same_attempt_is_one_job_and_the_next_is_another(runner, cluster):
    first = await runner.start(ATTEMPT)
    assert await runner.start(ATTEMPT) == first
    assert await runner.find(ATTEMPT) == first
    await runner.start(Attempt(**vars(ATTEMPT) | {"number": 2}))
    assert len(cluster.jobs) == 2


async def test_a_job_belongs_to_the_account_of_its_pods_and_goes_with_it(runner, cluster):
    await runner.start(ATTEMPT)
    (owner,) = cluster.only["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == (
        "ServiceAccount",
        "millrace-pipeline",
        "an-account",
    )


async def test_another_life_of_the_same_loop_has_other_names(runner, cluster):
    await runner.start(ATTEMPT)
    await runner.start(Attempt(**vars(ATTEMPT) | {"opened": datetime(2026, 1, 2, tzinfo=UTC)}))
    await runner.start(Attempt(**vars(ATTEMPT) | {"project": "team-b"}))
    assert len(cluster.jobs) == 3
    assert all(len(name) <= 52 for name in cluster.jobs)


async def test_the_pod_is_restricted_and_has_a_token_for_millrace_alone(runner, cluster):
    await runner.start(ATTEMPT)
    spec = cluster.only["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    environment = {item["name"]: item["value"] for item in container["env"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    (source,) = spec["volumes"][1]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "millrace"
    assert environment["MILLRACE_REGISTRY_URL"] == "http://millrace-registry.millrace.svc:8080"
    assert environment["MILLRACE_TOKEN_FILE"] == "/var/run/secrets/millrace.dev/token"
    assert json.loads(container["command"][4]) == {"project": "team-a", "loop": "flights", "run": 3}
    assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert cluster.only["spec"]["activeDeadlineSeconds"] > 4 * 3600
    assert cluster.only["spec"]["template"]["metadata"]["labels"]["millrace.dev/loop"] == "flights"


async def test_a_replays_pod_has_room_for_a_history_and_knows_how_much(runner, cluster):
    """A pod that fills more of its disk than it may is evicted, so the replay refuses before."""
    await runner.start(
        Replaying("b1", "default", "shop-b1", {"digest": "sha256:" + "a" * 64, "format": "csv"}, 1)
    )
    spec = cluster.only["spec"]["template"]["spec"]
    assert spec["volumes"][0] == {"name": "tmp", "emptyDir": {"sizeLimit": "20480Mi"}}
    environment = {item["name"]: item.get("value") for item in spec["containers"][0]["env"]}
    assert environment["MILLRACE_SCRATCH_MB"] == "20480"


async def test_the_result_is_the_pods_last_message(runner, cluster):
    handle = await runner.start(ATTEMPT)
    cluster.pods = [pod()]
    assert await looked(runner, handle) == handle
    told = json.dumps({"ok": False, "message": "train: Out of memory", "final": True})
    cluster.pods = [pod("Failed", terminated={"exitCode": 1, "message": told})]
    cluster.finish("Failed", "BackoffLimitExceeded")
    assert await looked(runner, handle) == Ended(handle, False, "train: Out of memory", True)


@pytest.mark.parametrize(
    ("pods", "reason", "words"),
    [
        ([pod("Failed", terminated={"reason": "OOMKilled", "exitCode": 137})], "BackoffLimitExceeded", "OOMKilled"),
        ([pod("Failed", terminated={"reason": "Error", "message": "not json"})], "BackoffLimitExceeded", "Traceback"),
        ([], "BackoffLimitExceeded", "was deleted"),
        ([], "DeadlineExceeded", "past its deadline"),
        ([{"metadata": {"name": "x"}, "status": {"phase": "Failed", "reason": "Evicted"}}], "", "Evicted"),
    ],
)  # fmt: skip
async def test_a_pod_that_ends_without_a_result_is_explained_and_tried_again(
    runner, cluster, pods, reason, words
):
    handle = await runner.start(ATTEMPT)
    cluster.pods, cluster.said = pods, "Traceback: it broke"
    cluster.finish("Failed", reason)
    end = await looked(runner, handle)
    assert (end.ok, end.final) == (False, False)
    assert words in end.message


async def test_a_job_that_somebody_deleted_is_tried_again(runner, cluster):
    handle = await runner.start(ATTEMPT)
    cluster.deleted = list(cluster.jobs)
    cluster.jobs.clear()
    end = await looked(runner, handle)
    assert (end.message, end.final) == ("the pipeline's Job was deleted", False)


PULL = pod("Pending", waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image runner:1"})
FULL = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: no cpu"}


@pytest.mark.parametrize(
    ("pods", "events", "reason", "words"),
    [
        ([PULL], [], "ImagePullBackOff", "Back-off pulling image runner:1"),
        ([pod("Pending", [FULL])], [], "Unschedulable", "0/1 nodes: no cpu"),
        ([], [{"reason": "FailedCreate", "message": "exceeded quota: q"}], "QuotaExceeded", "exceeded quota: q"),
    ],
)  # fmt: skip
async def test_a_pod_that_does_not_start_is_said_at_once_and_given_up_in_time(
    runner, cluster, clock, pods, events, reason, words
):
    handle = await runner.start(ATTEMPT)
    cluster.pods, cluster.events = pods, events
    seen = await looked(runner, handle)
    assert seen["waiting"] == {"reason": reason, "message": words}
    clock.now += 601
    end = await looked(runner, seen)
    assert end.final is (reason == "ImagePullBackOff"), "a shortage is none of its faults"
    assert end.short is not end.final
    assert end.reason == reason
    assert f"within 600 s: {reason}: {words}" in end.message
    assert cluster.jobs == {}


@pytest.mark.parametrize(
    ("why", "short"),
    [('jobs.batch is forbidden: exceeded quota: "q"', True), ("the account may not make any", False)],
)
async def test_a_job_that_may_not_be_made_waits_for_a_quota_alone(runner, cluster, why, short):
    cluster.refuse = why
    end = await runner.start(ATTEMPT)
    assert (end.short, end.final, end.reason) == (short, not short, "QuotaExceeded" if short else "")
    assert end.message == f"the pipeline's Job may not be made: {why}"


async def test_a_pod_that_is_being_made_needs_no_words(runner, cluster):
    handle = await runner.start(ATTEMPT)
    for pods in ([], [pod("Pending")], [pod("Pending", waiting={"reason": "ContainerCreating"})]):
        cluster.pods = pods
        assert await looked(runner, handle) == handle


async def test_a_pod_that_is_made_for_ever_is_given_up_in_time(runner, cluster, clock):
    handle = await runner.start(ATTEMPT)
    cluster.pods = [pod("Pending", waiting={"reason": "ContainerCreating"})]
    clock.now += 601
    assert "within 600 s" in (await looked(runner, handle)).message


async def test_stopping_waits_until_the_pod_is_gone(runner, cluster, clock, monkeypatch):
    handle = await runner.start(ATTEMPT)
    cluster.pods = [pod()]

    async def tick(seconds):
        clock.now += seconds
        if clock.now > 1003:
            cluster.pods = []

    monkeypatch.setattr(module.asyncio, "sleep", tick)
    await runner.stop(handle)
    assert cluster.deleted == [handle["id"]]
    assert 1003 < clock.now < 1010


async def test_a_pod_that_does_not_stop_is_told_rather_than_forgotten(runner, cluster, clock, monkeypatch):
    handle = await runner.start(ATTEMPT)
    cluster.pods = [pod()]

    async def tick(seconds):
        clock.now += seconds

    monkeypatch.setattr(module.asyncio, "sleep", tick)
    with pytest.raises(Unavailable, match="does not stop"):
        await runner.stop(handle)
