"""What forty loops with six archived versions each reserve, counted from the manifests that serving applies."""

import asyncio

import pytest

from millrace_serving.cluster import manifests
from millrace_serving.cluster.probing import Prober
from millrace_serving.cluster.shared import Shared
from millrace_serving.cluster.standby import mebibytes
from millrace_serving.settings import ServingSettings, Standby

from .test_revisions import revision

LOOPS, ARCHIVED = 40, 6


def settings(tmp_path, standby):
    return ServingSettings(
        home=tmp_path,
        namespace="work",
        serving_image="docker.io/millrace/serving:dev",
        triton_image="docker.io/millrace/triton-test:dev",
        triton_standby=standby,
    )


def wanted():
    serving = [revision(ARCHIVED + 1, f"loop-{loop}", settled=True) for loop in range(LOOPS)]
    archived = [
        revision(number, f"loop-{loop}", standby=True)
        for loop in range(LOOPS)
        for number in range(1, ARCHIVED + 1)
    ]
    return [*serving, *archived]


def applied(made):
    """Every object once each version has arrived where it belongs."""
    shared, items, found = Shared(made, Prober(3.0)), wanted(), {}
    pods = []
    for _ in range(4):
        shared.plan(items, found, {})
        objects = [
            part for item in items for part in manifests.objects(made, item, None, shared.place(item.name))
        ]
        objects += shared.objects(None)
        found = {(part["kind"], part["metadata"]["name"]): part for part in objects}
        pods = [arrived(part) for part in objects if part["metadata"]["name"].endswith("-standby")]
        shared.prober.ask = right
        shared.prober.right = lambda pod, name: True
        asyncio.run(shared.look(pods))
    return objects


async def right(item, pod, pause=None):
    return Prober(3.0).record(pod, item.name)


def arrived(part):
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "127.0.0.1"}
    metadata = {"name": "pod", "uid": "1", "labels": part["spec"]["template"]["metadata"]["labels"]}
    return {"metadata": metadata, "status": ready}


def reserved(objects):
    """Pods, CPUs and GiB, as the scheduler counts them: the sum of the containers or the largest that begins first."""
    pods, cpu, memory = 0, 0, 0
    for item in (part for part in objects if part["kind"] == "Deployment"):
        spec, count = item["spec"]["template"]["spec"], item["spec"]["replicas"]
        first = [asked(part) for part in spec.get("initContainers", [])]
        main = [sum(values) for values in zip(*(asked(part) for part in spec["containers"]), strict=True)]
        millis, mebi = (max(values) for values in zip(main, *first, strict=True))
        pods, cpu, memory = pods + count, cpu + count * millis, memory + count * mebi
    return pods, cpu / 1000, round(memory / 1024, 1)


def asked(container):
    requests = container["resources"]["requests"]
    return int(requests["cpu"].removesuffix("m")), mebibytes(requests["memory"])


@pytest.mark.parametrize(
    ("standby", "idle", "told"),
    [
        (None, False, (280, 28.0, 70.0)),
        (Standby(), False, (41, 4.15, 16.4)),
        (Standby(idle_minutes=10), True, (2, 0.3, 12.8)),
        (Standby(idle_minutes=10, replicas=1), True, (1, 0.15, 6.4)),
    ],
    ids=["each its own", "shared", "shared, and nobody asks", "the same, in one pod"],
)
def test_forty_loops_with_six_archived_versions_each_reserve(tmp_path, monkeypatch, standby, idle, told):
    monkeypatch.setattr("millrace_serving.cluster.quiet.Quiet.idle", lambda *_, **__: idle)
    assert reserved(applied(settings(tmp_path, standby))) == told
