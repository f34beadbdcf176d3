"""Pure: the Job that measures a form beside the base form, or that one alone, in Triton as it serves on a node."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from millrace_contracts.traffic import RequestSizes
from millrace_contracts.variants import BASE_TARGET, ModelVariant, NodeKind, TargetName
from millrace_core.pods import PREFIX, SCRATCH, TOKEN_FILE, Part, container, mount, shaped, token_mount
from millrace_serving.choice import BASE_RUNS, RUNS, Node
from millrace_serving.cluster import names, pods
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import rounds
from millrace_serving.triton.repository import Wanted

COMPONENT = "measure"
GPU = "gpu/"
NODE = f"{PREFIX}/node"
"""Annotation with the node that a Job measures on."""
KEPT_SECONDS = 3600
"""How long the cluster keeps a Job that has ended, for its log."""
EVICTED: Part = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
}
"""A pod that the cluster takes away says nothing of the form: it is made again."""
BATCHES = (1, 8)
"""Rows in a call, where nobody measured before."""


@dataclass(frozen=True)
class Question:
    """One form that is to be measured on one node, beside the base form or, if it is that, alone."""

    item: Wanted
    """The revision that serves the version."""
    base: str
    """Digest of the base form's graph."""
    target: TargetName
    digest: str
    key: str
    """Of the kind of node."""
    place: str = ""
    """The node; empty: any with the labels of the engines' GPU."""
    batches: Sequence[int] = BATCHES
    traffic: RequestSizes | None = None
    """Whose requests the batch sizes are of."""
    gpu: NodeKind | None = None
    """The kind of node, where it is known by its labels alone."""

    @property
    def alone(self) -> bool:
        """Whether it is the base form itself, which nothing is held against."""
        return self.target == BASE_TARGET

    @property
    def form(self) -> Wanted:
        name = rounds.BASE if self.alone else rounds.FORM
        return replace(self.item, name=name, digest=self.digest, target=self.target)

    @property
    def job(self) -> str:
        """Name of its Job: the same question has the same one."""
        return job_name(self.digest, self.target, self.key)


def questions(
    item: Wanted, base: str, variant: ModelVariant, places: Mapping[str, Node], gpu: NodeKind | None
) -> list[Question]:
    """What nobody measured of a form in training: its speed on each kind of node that serves it, or on the GPU.

    Of the base form itself, which training may have timed elsewhere alone: how long it takes where it serves.

    Args:
        places: nodes of the endpoint's pods, each with its kinds.
        gpu: the kind of all GPU nodes, which the values name.
    """
    told = variant.measured
    batches = tuple(one.batch for one in told.base) if told else BATCHES
    traffic = told.traffic if told else None
    first = Question(item, base, variant.target, variant.digest or "", "", batches=batches, traffic=traffic)
    device, runtime = BASE_RUNS if first.alone else RUNS[variant.target]
    if device == GPU:
        return [] if gpu is None or runtime not in gpu.key else [replace(first, key=gpu.key, gpu=gpu)]
    compared = told is not None and variant.state == "kept" and not first.alone
    known = {told.node.key} if told is not None and compared else set()
    kinds = {
        key: place
        for place in sorted(places, reverse=True)
        for key in places[place]
        if key.startswith(device) and runtime in key and key not in known
    }
    return [replace(first, key=key, place=place) for key, place in sorted(kinds.items())]


def job_name(digest: str, target: TargetName, key: str) -> str:
    """The Job that measures a graph on a kind of node, which need be done once."""
    text = "\n".join((digest, target, key))
    return f"measure-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def labels(settings: ServingSettings) -> dict[str, str]:
    """Labels of all such Jobs and of their pods: no Service and no revision chooses them."""
    return names.common(settings) | {"app.kubernetes.io/component": COMPONENT}


def job(settings: ServingSettings, asked: Question) -> Part:
    """A Job of one pod: both graphs by their digests, one Triton with both, and who asks it."""
    spec = pods.spec(settings, asked.form, [_rounds(settings, asked)])
    fetches = list(spec["initContainers"])
    if not asked.alone:
        base = replace(asked.item, name=rounds.BASE, digest=asked.base, target=BASE_TARGET)
        fetches.append(pods.fetch(settings, base, None) | {"name": "fetch-base"})
    spec |= {
        "initContainers": [*fetches, _triton(settings, asked)],
        "restartPolicy": "Never",
        "serviceAccountName": names.measuring_account(settings),
    }
    if asked.place:
        spec["affinity"] = _on(asked.place)
    origin = {
        f"{PREFIX}/project": names.label(asked.item.project),
        f"{PREFIX}/model": names.label(asked.item.model),
    }
    marked = labels(settings) | origin
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": asked.job,
            "namespace": settings.workloads,
            "labels": marked,
            "annotations": {NODE: asked.place, f"{PREFIX}/measures": f"{asked.target} on {asked.key}"},
        },
        "spec": {
            "backoffLimit": 0,
            "podFailurePolicy": EVICTED,
            "activeDeadlineSeconds": settings.measure_seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": shaped({"metadata": {"labels": marked}, "spec": spec}, settings.shape(COMPONENT)),
        },
    }


def _on(place: str) -> Part:
    """The scheduler still says no where the node is full; a node's label may be another than its name."""
    named = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [place]}]}
    return {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [named]}}
    }


def _triton(settings: ServingSettings, asked: Question) -> Part:
    """Triton as a revision has it, with all that is measured; it ends with who asks it, and is waited for by that."""
    made = pods.triton(settings, replace(asked.form, name=rounds.BASE))
    made["args"] += [] if asked.alone else [f"--load-model={rounds.FORM}"]
    for part in ("lifecycle", "startupProbe", "readinessProbe", "livenessProbe"):
        del made[part]
    return made | {"restartPolicy": "Always"}


def _rounds(settings: ServingSettings, asked: Question) -> Part:
    item = asked.item
    given = {
        "project": item.project,
        "model": item.model,
        "version": item.version,
        "digest": asked.digest,
        "target": asked.target,
        "batches": json.dumps(list(asked.batches)),
        "runtimes": json.dumps(settings.triton_runtimes),
        "triton": f"http://127.0.0.1:{names.TRITON_PORT}",
    }
    if asked.traffic is not None:
        given["traffic"] = asked.traffic.model_dump_json()
    if asked.gpu is not None:
        given["node"] = asked.gpu.model_dump_json()
    variables = {
        "HOME": SCRATCH,
        "MILLRACE_HOME": SCRATCH,
        "MILLRACE_REGISTRY_URL": settings.registry_url,
        "MILLRACE_SERVING_URL": settings.serving_url,
        "MILLRACE_TOKEN_FILE": TOKEN_FILE,
        "MILLRACE_LOAD_SECONDS": str(settings.load_seconds),
        "OMP_NUM_THREADS": "1",
    }
    made = container(
        "rounds", settings.serving_image, variables, pods.ALONE_RESOURCES,
        [mount("tmp", SCRATCH), token_mount()],
        command=["python", "-m", rounds.__name__],
        args=[f"--{key}={value}" for key, value in given.items()],
    )  # fmt: skip
    uid = {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    return made | {"env": [uid, *made["env"]]}
