"""Pure: the Job that builds a TensorRT engine on the class of node that will serve it, and the engine's key.

An engine fits one GPU, driver and TensorRT; what is kept is the graph with its Q/DQ nodes, and an engine can always
be built again from it. Never run so far: no GPU was at hand.
"""

import hashlib
from dataclasses import dataclass

from millrace_core.pods import PREFIX, SCRATCH, Part, container, mount
from millrace_serving.cluster import names, pods
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.repository import Wanted

ENGINES = "/engines"
BUILD_SECONDS = 3600


@dataclass(frozen=True)
class EngineKey:
    """What an engine is bound to."""

    gpu: str
    """Product as the node's label nvidia.com/gpu.product says it."""
    driver: str
    tensorrt: str
    digest: str
    """Digest of the graph."""

    @property
    def text(self) -> str:
        """The key in 32 characters; another GPU, driver, TensorRT or graph gives another one."""
        told = "\n".join((self.gpu, self.driver, self.tensorrt, self.digest))
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def command(name: str, key: EngineKey, shapes: dict[str, tuple[int, int, int]]) -> list[str]:
    """trtexec for one graph: precision comes from its Q/DQ nodes alone.

    Args:
        shapes: smallest, usual and largest batch by input; every input has the shape (batch, 1).
    """
    line = ["trtexec", f"--onnx={pods.MODELS}/{name}/1/model.onnx", f"--saveEngine={ENGINES}/{key.text}.plan"]
    for place, option in enumerate(("minShapes", "optShapes", "maxShapes")):
        told = ",".join(f"{item}:{sizes[place]}x1" for item, sizes in sorted(shapes.items()))
        line.append(f"--{option}={told}")
    timing = hashlib.sha256("\n".join((key.gpu, key.driver, key.tensorrt)).encode()).hexdigest()[:16]
    return [*line, f"--timingCacheFile={ENGINES}/timing-{timing}.cache", "--stronglyTyped", "--skipInference"]


def build_job(
    settings: ServingSettings,
    item: Wanted,
    key: EngineKey,
    image: str,
    claim: str,
    shapes: dict[str, tuple[int, int, int]],
) -> Part:
    """A Job that fetches the graph by digest and leaves `<key>.plan` on the volume *claim*."""
    spec = pods.spec(settings, item, [_builder(settings, item, key, image, shapes)])
    spec["restartPolicy"] = "Never"
    spec["nodeSelector"] = spec.get("nodeSelector", {}) | {"nvidia.com/gpu.product": key.gpu}
    spec["volumes"].append({"name": "engines", "persistentVolumeClaim": {"claimName": claim}})
    labels = names.labels(settings, item) | {"app.kubernetes.io/component": "job"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"engine-{key.text}",
            "namespace": settings.workloads,
            "labels": labels,
            "annotations": {
                f"{PREFIX}/engine": f"gpu={key.gpu} driver={key.driver} tensorrt={key.tensorrt} "
                f"digest={key.digest}"
            },
        },
        "spec": {
            "backoffLimit": 1,
            "activeDeadlineSeconds": BUILD_SECONDS,
            "ttlSecondsAfterFinished": BUILD_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _builder(
    settings: ServingSettings,
    item: Wanted,
    key: EngineKey,
    image: str,
    shapes: dict[str, tuple[int, int, int]],
) -> Part:
    asked = pods.resources(settings, item)
    if not pods.has_gpu(settings, item):
        asked["limits"] = asked.get("limits", {}) | {"nvidia.com/gpu": "1"}
    return container(
        "build", image, {"HOME": SCRATCH}, asked,
        [mount("models", pods.MODELS, read_only=True), mount("tmp", SCRATCH), mount("engines", ENGINES)],
        command=command(item.name, key, shapes),
    )  # fmt: skip
