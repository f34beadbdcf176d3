"""Revisions as Deployments: made, kept, checked pod by pod, replaced and removed, on a cluster in memory."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from millrace_contracts.models import Golden
from millrace_contracts.placement import ServerPlacement
from millrace_contracts.signature import Signature
from millrace_contracts.variants import BASE_TARGET
from millrace_core.errors import Unavailable
from millrace_serving.cluster import names
from millrace_serving.cluster.revisions import Revisions
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.loading import LoadFailed, NotYet
from millrace_serving.triton.repository import Wanted

from . import graphs
from .fake_cluster import FakeCluster, FakeTriton

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
WAITING = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}


def revision(number=1, endpoint="flights", project="default", placement=None, **more):
    wire = endpoint if project == "default" else f"{project}.{endpoint}"
    return Wanted(
        name=f"{wire}--r{number}",
        model="air-time",
        project=project,
        version=number,
        digest="sha256:" + "0" * 64,
        signature=Signature.model_validate(graphs.SIGNATURE),
        golden=Golden.model_validate(graphs.golden()),
        endpoint=endpoint,
        number=number,
        placement=ServerPlacement.model_validate(placement or {}),
        **more,
    )


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Revisions on a cluster whose pods, at most four, have addresses and Tritons of their own."""
    settings = ServingSettings(
        home=tmp_path,
        platform="kubernetes",
        namespace="work",
        serving_image="docker.io/millrace/serving:dev",
        triton_image="docker.io/millrace/triton-test:dev",
        registry_url="http://millrace-registry.work.svc:8080",
        probe_seconds=0,
        triton_replicas=2,
    )
    tritons = [FakeTriton(ADDRESSES[0], 0, graphs.golden()["outputs"])]
    port = tritons[0].port
    tritons += [FakeTriton(address, port, graphs.golden()["outputs"]) for address in ADDRESSES[1:]]
    monkeypatch.setattr(names, "TRITON_PORT", port)
    monkeypatch.setattr("millrace_serving.cluster.revisions.WAIT_SECONDS", 0)
    cluster = FakeCluster()
    free = list(zip(ADDRESSES, tritons, strict=True))

    def born(pod):
        address, triton = free.pop(0)
        free.append((address, triton))
        ready = [{"type": "Ready", "status": "True"}]
        pod["status"] |= {"podIP": address, "conditions": ready}

    cluster.born = born
    fallen = []

    async def fell(item, why):
        """Plays the database: a form that cannot be used gives way to the base form."""
        if item.target == BASE_TARGET:
            return None
        fallen.append((item.target, why))
        base = replace(item, target=BASE_TARGET, digest="sha256:" + "0" * 64)
        for items in (made.wanted, made.candidates):
            items[:] = [base if one.name == item.name else one for one in items]
        return base

    made = SimpleNamespace(
        fallen=fallen,
        settings=settings,
        cluster=cluster,
        tritons=tritons,
        revisions=Revisions(settings, cluster, fell),
        wanted=[],
        candidates=[],
    )
    yield made
    for triton in tritons:
        triton.close()


async def keep(world):
    async def read(items):
        return list(items)

    await world.revisions.keep(lambda: read(world.candidates), lambda: read(world.wanted), set)


async def test_a_wanted_revision_becomes_a_deployment_and_a_service_and_goes_when_nobody_wants_it(world):
    world.wanted = [revision(1), revision(2)]
    await keep(world)
    assert world.cluster.names("Deployment") == ["flights-r1", "flights-r2"]
    assert world.cluster.names("Service") == ["flights-r1", "flights-r2"]
    assert world.revisions.sights["flights--r1"].complete
    world.wanted = [revision(2)]
    await keep(world)
    assert world.cluster.names("Deployment") == world.cluster.names("Service") == ["flights-r2"]


async def test_a_pass_over_what_is_as_it_should_be_changes_nothing(world):
    world.wanted = [revision(1)]
    await keep(world)
    before = list(world.cluster.applied)
    await keep(world)
    assert world.cluster.applied == before
    assert world.cluster.deleted == []


async def test_another_image_reaches_every_revision(world):
    world.wanted = [revision(1)]
    await keep(world)
    world.settings.triton_image = "docker.io/millrace/triton-test:next"
    await keep(world)
    (found,) = [item for (kind, _, _), item in world.cluster.objects.items() if kind == "Deployment"]
    assert found["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":next")


async def test_what_others_made_is_left_alone(world):
    labels = names.common(world.settings) | {"app.kubernetes.io/instance": "another"}
    world.cluster.put("Service", "theirs", metadata={"labels": labels})
    await keep(world)
    assert world.cluster.names("Service") == ["theirs"]


async def test_nothing_is_removed_while_the_api_server_is_away(world):
    world.wanted = [revision(1)]
    await keep(world)
    world.cluster.down = True
    world.wanted = []
    with pytest.raises(Unavailable):
        await keep(world)
    world.cluster.down = False
    assert world.cluster.names("Deployment") == ["flights-r1"]


async def test_a_candidate_is_kept_between_two_looks_and_never_probed_to_death(world):
    world.candidates = [revision(1)]
    world.tritons[0].dead = True
    await keep(world)
    await keep(world)
    assert world.cluster.names("Deployment") == ["flights-r1"]
    assert world.cluster.deleted == []


async def test_a_ready_pod_with_a_dead_stub_is_replaced_with_an_event(world):
    world.wanted = [revision(1)]
    await keep(world)
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in world.cluster.pods()}
    world.tritons[1].dead = True
    await keep(world)
    assert world.cluster.deleted == ["Pod/flights-r1-1"]
    (event,) = world.cluster.events
    assert event["about"] == before["flights-r1-1"]
    assert event["reason"] == "WrongAnswer"
    assert "stub process is not healthy" in event["message"]
    await keep(world)
    assert world.revisions.sights["flights--r1"].complete
    assert world.cluster.deleted == ["Pod/flights-r1-1"]


async def test_pods_that_answer_wrong_are_ended_one_at_a_time(world):
    world.wanted = [revision(1)]
    for triton in world.tritons:
        triton.outputs = {"prediction": [1.0, 1.0]}
    await keep(world)
    await keep(world)
    assert len(world.cluster.deleted) == 1


async def test_a_pod_that_cannot_be_reached_is_not_serving_but_left_to_the_kubelet(world):
    world.wanted = [revision(1)]
    await keep(world)
    world.tritons[0].close()
    await keep(world)
    assert world.revisions.sights["flights--r1"].right == 1
    assert world.cluster.deleted == []


async def test_a_load_ends_when_every_pod_has_answered(world):
    await world.revisions.load(revision(1))
    assert [len(triton.asked) for triton in world.tritons[:2]] == [2, 2], "column by column, and packed"
    assert set(world.tritons[0].asked) == {"/v2/models/flights--r1/infer"}


async def test_pods_that_know_no_packed_tensors_serve_by_columns(world):
    for triton in world.tritons:
        triton.answer = later(triton.answer, (400, {"error": "unexpected inference input 'packed.FP32'"}))
    world.wanted = [revision(1)]
    await keep(world)
    assert world.revisions.sights["flights--r1"].complete
    assert not world.revisions.packs("flights--r1")


async def test_pods_that_take_packed_tensors_are_known(world):
    world.wanted = [revision(1)]
    await keep(world)
    assert world.revisions.packs("flights--r1")
    assert not world.revisions.packs("flights--r2")


def later(first, second):
    """Answers like *first* once, then *second*."""
    answers = iter([first])
    return lambda model: next(answers, lambda _: second)(model)


@pytest.mark.parametrize(
    ("mischief", "words"),
    [
        (lambda t: setattr(t, "outputs", {"prediction": [1.0, 1.0]}), "prediction is 1 for golden row 0"),
        (lambda t: setattr(t, "dead", True), "the golden rows get no answer: 500: the stub process"),
    ],
)
async def test_a_candidate_that_answers_wrong_is_refused_at_once(world, mischief, words):
    mischief(world.tritons[0])
    with pytest.raises(LoadFailed, match=words):
        await world.revisions.load(revision(1))


def ended(code, message, reason="Error"):
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


OUT_OF_MEMORY = ended(137, "", "OOMKilled")


def stuck(world, **status):
    world.cluster.born = lambda pod: pod.update(status=WAITING | status)


def container(name="triton", **more):
    return {"name": name, "image": "example/triton:1", "ready": False, "restartCount": 2, "state": {}} | more


BACK_OFF = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "example/triton:1"'}}
CRASHED = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
}
LOAD_ERROR = (
    """E1121 08:31 1 lifecycle.cc:642] "failed to load 'flights--r1' version 1: Internal: """
    r"""InvalidGraph: (\"\", NoSuchOp), no Op\n\nAt:\n /a/file.py(3): run\n"""
    "\n+-------+\nE1121 error: creating server: Internal - failed to load all models\n"
)
TOLD = 'Triton does not load it: Internal: InvalidGraph: \\("", NoSuchOp\\), no Op'


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        (
            "ImagePullBackOff",
            {"containerStatuses": [container(state=BACK_OFF)]},
            "image example/triton:1 cannot be pulled: Back-off",
        ),
        (
            "Unschedulable",
            {"conditions": [UNSCHEDULABLE]},
            "cannot be scheduled: 0/3 nodes .* Insufficient nvidia.com/gpu",
        ),
        (
            "LoadFailed",
            {"containerStatuses": [container(state=CRASHED, lastState=ended(1, LOAD_ERROR), restartCount=1)]},
            f"{TOLD}$",
        ),
        (
            "OutOfMemory",
            {"containerStatuses": [container(state=CRASHED, lastState=OUT_OF_MEMORY, restartCount=1)]},
            "triton ran out of memory, 2 times",
        ),
        (
            "FetchFailed",
            {
                "initContainerStatuses": [
                    container("fetch", state=ended(1, "the registry cannot be read: 503\n"))
                ]
            },
            "its graph cannot be fetched: the registry cannot be read: 503",
        ),
    ],
)
async def test_what_keeps_pods_from_answering_is_told_and_after_the_deadline_final(
    world, reason, status, words
):
    stuck(world, **status)
    with pytest.raises(NotYet, match=words):
        await world.revisions.load(revision(1))
    assert world.revisions.waiting("flights--r1").reason == reason
    world.settings.pod_seconds = -10
    with pytest.raises(LoadFailed, match=f"{reason}: .*{words}"):
        await world.revisions.load(revision(1))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {
                "initContainerStatuses": [
                    container("fetch", lastState=ended(3, "air-time/1 is not registered"))
                ]
            },
            "air-time/1 is not registered",
        ),
        ({"containerStatuses": [container(state=CRASHED, lastState=ended(1, LOAD_ERROR))]}, TOLD),
        (
            {"containerStatuses": [container(state=CRASHED, lastState=OUT_OF_MEMORY)]},
            "ran out of memory, 3 times",
        ),
    ],
)
async def test_what_no_patience_will_mend_ends_the_wait_at_once(world, status, words):
    stuck(world, **status)
    with pytest.raises(LoadFailed, match=f"^(?!not every).*{words}"):
        await world.revisions.load(revision(1))


async def test_what_the_api_server_refuses_is_final(world):
    with pytest.raises(LoadFailed, match="Kubernetes says: "):
        await world.revisions.load(revision(1, placement={"tolerations": [{"key": 1}]}))


async def test_a_pod_that_has_not_begun_tells_by_its_events(world):
    def born(pod):
        pod["status"] = dict(WAITING)
        about = {"about": pod["metadata"]["uid"], "type": "Warning", "lastTimestamp": "2026-01-01T00:00:00Z"}
        world.cluster.events.append(about | {"reason": "FailedMount", "message": "no volume"})

    world.cluster.born = born
    with pytest.raises(NotYet, match="FailedMount: no volume"):
        await world.revisions.load(revision(1))


async def test_a_quota_that_refuses_pods_is_told(world):
    world.cluster.roll = lambda: None
    world.candidates = [revision(1)]
    await keep(world)
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: team-a"}
    world.cluster.objects["Deployment", "work", "flights-r1"]["status"] = {"conditions": [failure]}
    world.cluster.apply = None
    with pytest.raises(NotYet, match="its pods are refused: exceeded quota: team-a"):
        await world.revisions.load(revision(1))
    assert world.revisions.waiting("flights--r1").reason == "QuotaExceeded"
    world.candidates, world.cluster.apply = [], FakeCluster.apply.__get__(world.cluster)
    await keep(world)
    assert world.revisions.waiting("flights--r1") is None


async def test_revisions_belong_to_the_account_of_their_pods_and_go_with_it(world):
    account = world.cluster.put("ServiceAccount", "millrace-triton")
    world.wanted = [revision(1)]
    await keep(world)
    for kind in ("Deployment", "Service"):
        (owner,) = world.cluster.objects[kind, "work", "flights-r1"]["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("ServiceAccount", account["metadata"]["uid"])


async def test_a_revision_that_cannot_be_applied_keeps_no_other_from_being_looked_after(world):
    world.wanted = [revision(1)]
    await keep(world)
    world.tritons[0].dead = True
    theirs = names.common(world.settings) | {"millrace.dev/endpoint": "other"}
    world.cluster.put("Service", "flights-r2", metadata={"labels": theirs})
    world.candidates = [revision(2)]
    with pytest.raises(LoadFailed):
        await keep(world)
    assert world.cluster.deleted == ["Pod/flights-r1-0"]


async def test_two_endpoints_never_share_an_object(world):
    theirs = names.common(world.settings) | {"millrace.dev/endpoint": "other"}
    world.cluster.put("Deployment", "flights-r1", metadata={"labels": theirs})
    with pytest.raises(LoadFailed, match="belongs to something else"):
        await world.revisions.load(revision(1))
