"""What fits: sizes read from manifests, nodes, quotas, and what can be known without rights to read either."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.room import RunSize
from millrace_core.errors import Forbidden
from millrace_core.waiting import PodWaiting
from millrace_training.jobs.room import fitting
from millrace_training.jobs.states import State
from millrace_training.jobs.turns import Floor, Start, decide
from millrace_training.launch import amounts, sizes
from millrace_training.launch.amounts import Amounts
from millrace_training.launch.census import Census
from millrace_training.launch.room import Node, Nodes, Probes, Quota, Together, Unbound
from millrace_training.launch.sizes import PodSize, Size
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

GIB = 2.0**30
NOW = datetime(2030, 1, 1, tzinfo=UTC)
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def size(cpu=0.5, gib=1.0, gpus=0, selector=None, tolerations=(), pods=1, queued=False):
    one = PodSize(Amounts(cpu, gib * GIB, gpus), selector or {}, tuple(tolerations))
    return Size((one,) * pods, queued)


def node(name="n", cpu=2.0, gib=8.0, free=None, gpus=0, **more):
    whole = Amounts(cpu, gib * GIB, gpus)
    return Node(name, whole, whole if free is None else free, **more)


def test_a_pod_asks_for_its_containers_and_sidecars_together_or_for_its_largest_first_step():
    def asks(cpu, **more):
        return {"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}} | more

    spec = {
        "initContainers": [asks("1"), asks("250m", restartPolicy="Always")],
        "containers": [asks("500m"), {"resources": {"limits": {"nvidia.com/gpu": "2"}}}],
    }
    found = amounts.of_pod(spec, "nvidia.com/gpu")
    assert (found.cpu, found.memory, found.gpus) == (1, 2 * GIB, 2)


def test_the_size_of_a_run_is_known_before_it_is_opened(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m", job_cpu="1500m")
    asked = RunSize.model_validate({"limits": {"memory_mb": 1000, "placement": {"gpus": 1}}})
    found = sizes.of_run(asked, settings, ray=False)
    assert (found.total.cpu, found.total.memory / 2**20, found.total.gpus) == (1.5, 1128, 1)
    assert found.kind.startswith("gpu")
    workers = RunSize.model_validate({"executor": "ray", "workers": {"least": 2, "most": 4, "cpu": 3}})
    assert sizes.of_run(workers, settings, ray=True).total.cpu > 6
    queued = RunSize.model_validate({"limits": {"placement": {"queue": "team"}}})
    assert sizes.of_run(queued, settings, ray=False).queued, "Kueue decides"


def test_nodes_take_what_is_allocatable_less_what_their_pods_ask_for():
    room = Nodes([node(free=Amounts(0.9, 4 * GIB)), node("m", free=Amounts(0.3, 8 * GIB))])
    assert fitting(room, size(), 10) == (
        1,
        "it needs 0.5 CPU and 1024 MiB; the roomiest of 2 nodes has 0.4 CPU and 3072 MiB free",
    )
    assert room.lacks(size(cpu=0.3)) == ""
    assert room.lacks(size(cpu=0.3, pods=3)) != "", "there is room for two of its three pods"


def test_labels_taints_and_what_no_node_could_hold():
    tolerates = {"key": "nvidia.com/gpu", "operator": "Exists"}
    room = Nodes([node(), node("g", 64, 512, gpus=8, taints=[GPU_TAINT], labels={"kind": "gpu"})])
    assert room.lacks(size(gpus=1)) != ""
    assert room.lacks(size(gpus=1, tolerations=[tolerates])) == ""
    assert "no node has the labels" in room.lacks(size(selector={"disk": "ssd"}))
    assert room.never(size(gib=500))
    assert not room.never(size(gib=500, tolerations=[tolerates]))


def test_a_quota_names_what_it_leaves():
    quota = Quota("small", {"requests.cpu": 1.0, "pods": 5.0})
    assert fitting(quota, size(), 10) == (
        2,
        "it needs 0.5 CPU and 1024 MiB; the quota small leaves 0 of requests.cpu",
    )


def test_without_rights_to_read_nodes_nothing_starts_behind_a_pod_that_lacks_what_it_wants():
    full = PodWaiting("Unschedulable", "0/3 nodes are available: 3 Insufficient cpu.")
    room = Probes([Unbound(size(cpu=0.5), NOW, full)], bound=4)
    assert "no node yet: 0/3 nodes" in room.lacks(size(cpu=0.5))
    assert room.lacks(size(cpu=0.25)) == "", "smaller things may fit"
    assert room.lacks(size(cpu=8, gpus=1)) == "", "it wants other nodes"
    assert room.lacks(size(queued=True)) == ""


def test_without_rights_as_many_are_on_their_way_as_run_already():
    assert fitting(Probes([], bound=0), size(), 50)[0] == 1
    assert fitting(Probes([], bound=6), size(), 50)[0] == 6


class Cluster:
    """An API server that may be read as far as the test says."""

    def __init__(self, may=("ResourceQuota", "Node", "Pod"), **objects):
        self.may, self.objects, self.asked = may, objects, []

    async def list(self, kind, namespace=None, labels="", api_version="v1", fields="", keep=None):
        self.asked.append(kind)
        if kind not in self.may:
            raise Forbidden(f"{kind} is forbidden")
        return [keep(item) for item in self.objects.get(kind, ())]


NODE = {
    "metadata": {"name": "n"},
    "spec": {},
    "status": {
        "allocatable": {"cpu": "2", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}


def running(name, cpu, **labels):
    container = {"resources": {"requests": {"cpu": cpu, "memory": "128Mi"}}}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": "n", "containers": [container]},
    }


async def test_a_census_counts_pods_of_all_namespaces_and_what_was_started_since(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    seen = running("job", "500m", **{"millrace.dev/job": "x", "millrace.dev/attempt": "1"})
    cluster = Cluster(Node=[NODE], Pod=[running("elsewhere", "900m"), seen])
    census = Census(cluster, settings)
    room = await census.room([(("x", 1), size())], [], 1)
    assert fitting(room, size(cpu=0.1), 50)[0] == 6, "2 - 0.9 - 0.5; what was seen is not counted twice"
    room = await census.room([(("x", 1), size()), (("y", 1), size())], [], 1)
    assert fitting(room, size(cpu=0.1), 50)[0] == 1, "y was started after the look"
    assert census.never(size(cpu=3))
    assert cluster.asked == ["ResourceQuota", "Node", "Pod"], "one look serves both"


async def test_who_may_read_no_nodes_asks_the_scheduler_and_holds_to_quotas(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    quota = {"metadata": {"name": "q"}, "spec": {}, "status": {"hard": {"pods": "3"}, "used": {"pods": "1"}}}
    census = Census(Cluster(may=("ResourceQuota",), ResourceQuota=[quota]), settings)
    room = await census.room([], [], 9)
    assert fitting(room, size(), 50) == (2, "it needs 0.5 CPU and 1024 MiB; the quota q leaves 0 of pods")
    assert not census.never(size(cpu=1000)), "nobody knows"


def waits(number, kind="train"):
    at = NOW + timedelta(seconds=number)
    own = {"number": number, "id": str(number), "loop": str(number), "created_at": at}
    return Job(**own, project="p", kind=kind, state=State.QUEUED)


@pytest.mark.parametrize(
    "full",
    [
        Nodes([node()]),
        Together([Quota("q", {"requests.cpu": 1.0}, hard={"requests.cpu": 2.0})]),
    ],
    ids=["nodes", "quota"],
)
def test_what_could_never_fit_is_started_to_be_refused_and_keeps_no_room_from_others(tmp_path, full):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    jobs = [waits(1), waits(2), waits(3)]
    wants = {"1": size(cpu=64), "2": size(cpu=1), "3": size(cpu=1.5)}
    starts = [Start(NOW + timedelta(hours=1, seconds=n), ("p", "other"), "train") for n in range(20)]
    turn = decide(jobs, settings, starts, Floor(full, wants, NOW + timedelta(hours=2)))
    assert [job.id for job in turn.start] == ["1", "2"]
    assert set(turn.waits) == {"3"}, "it fits, but not now"


def test_nobody_waits_for_a_job_whose_room_others_have_for_good(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    jobs, wants = [waits(1), waits(2)], {"1": size(cpu=6), "2": size(cpu=1), "3": size(cpu=1)}
    starts = [Start(NOW + timedelta(hours=1, seconds=n), ("p", "other"), "train") for n in range(20)]

    def now(*jobs):
        there = Nodes([node(cpu=8, free=Amounts(4, 8 * GIB))])
        return decide(jobs, settings, starts, Floor(there, wants, NOW + timedelta(hours=2)))

    runs = waits(3)
    runs.state = State.RUNNING
    assert now(*jobs, runs).start == [], "what runs makes room; it is kept"
    assert [job.id for job in now(*jobs).start] == ["1", "2"], (
        "nothing will: the cluster is asked, and it has an end"
    )


async def test_what_was_started_since_the_look_is_taken_from_the_quotas_too(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    quota = {"metadata": {"name": "q"}, "spec": {}, "status": {"hard": {"pods": "4"}, "used": {"pods": "1"}}}
    census = Census(Cluster(may=("ResourceQuota",), ResourceQuota=[quota]), settings)
    known = (("x", 1), size())
    assert fitting(await census.room([known], [], 9), size(), 50)[0] == 3
    room = await census.room([known, (("y", 1), size()), (("z", 1), size())], [], 9)
    assert fitting(room, size(), 50)[0] == 1, "y and z have no pod yet that counts"


async def test_a_node_that_is_drained_has_no_room_and_is_no_reason_to_give_a_job_up(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    drained = NODE | {"spec": {"unschedulable": True, "taints": [taint]}}
    census = Census(Cluster(Node=[drained]), settings)
    room = await census.room([], [], 0)
    assert room.lacks(size()) != ""
    assert not census.never(size())
    assert not room.never(size())
    assert census.never(size(cpu=3))


async def test_more_than_a_quota_allows_is_known_never_to_fit(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    quota = {
        "metadata": {"name": "q"},
        "spec": {},
        "status": {"hard": {"requests.memory": "2Gi"}, "used": {}},
    }
    census = Census(Cluster(may=("ResourceQuota",), ResourceQuota=[quota]), settings)
    await census.room([], [], 0)
    assert census.never(size(gib=3))
    assert not census.never(size(gib=2))


def test_a_pod_without_a_node_of_which_the_scheduler_has_spoken_keeps_smaller_ones_from_nothing():
    full = PodWaiting("Unschedulable", "0/3 nodes are available: 3 Insufficient cpu.")
    assert Probes([Unbound(size(cpu=64), NOW, full)], bound=0).lacks(size(cpu=0.5)) == ""


def test_a_pause_that_a_clock_set_back_made_long_does_not_hold(tmp_path):
    settings = TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m")
    short, long = waits(1), waits(2)
    short.next_at, long.next_at = NOW + timedelta(seconds=60), NOW + timedelta(days=300)
    turn = decide([short, long], settings, [], Floor(Nodes([node()]), {}, NOW))
    assert [job.id for job in turn.start] == ["2"]
