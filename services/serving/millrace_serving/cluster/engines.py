"""Pure: the Job that builds a TensorRT engine on the class of node that will serve it, and what its pods need.

What is kept is the graph with its Q/DQ nodes; an engine can always be built again from it. Never run so far: no GPU
was at hand.
"""

import hashlib

from millrace_core.pods import PREFIX, SCRATCH, Part, container, mount, shaped
from millrace_serving.cluster import names, pods
from millrace_serving.settings import Engines, ServingSettings
from millrace_serving.triton import engine
from millrace_serving.triton.engine import EngineKey
from millrace_serving.triton.repository import Wanted

USUAL_ROWS = 8
"""The batch for which an engine is tuned; the smallest is 1, the largest what Triton takes."""


def command(name: str, key: EngineKey, shapes: dict[str, tuple[int, int, int]]) -> list[str]:
    """trtexec for one graph: precision comes from its Q/DQ nodes alone.

    Args:
        shapes: smallest, usual and largest batch by input; every input has the shape (batch, 1).
    """
    folder = pods.ENGINES
    line = ["trtexec", f"--onnx={pods.MODELS}/{name}/1/model.onnx"]
    line.append(f"--saveEngine={folder}/{key.text}.building")
    for place, option in enumerate(("minShapes", "optShapes", "maxShapes")):
        told = ",".join(f"{item}:{sizes[place]}x1" for item, sizes in sorted(shapes.items()))
        line.append(f"--{option}={told}")
    timing = hashlib.sha256("\n".join((key.gpu, key.driver, key.tensorrt)).encode()).hexdigest()[:16]
    return [*line, f"--timingCacheFile={folder}/timing-{timing}.cache", "--stronglyTyped", "--skipInference"]


def shapes(settings: ServingSettings, item: Wanted) -> dict[str, tuple[int, int, int]]:
    """Smallest, usual and largest batch by input."""
    most = settings.max_batch_rows
    return {tensor.name: (1, min(USUAL_ROWS, most), most) for tensor in item.signature.inputs}


NAMED = "engine-"
"""How the names of these Jobs begin."""


def job_name(key: EngineKey) -> str:
    return f"{NAMED}{key.text}"


def build_job(settings: ServingSettings, item: Wanted, engines: Engines) -> Part:
    """A Job that fetches the graph by digest and leaves a sealed engine on the claim."""
    key = pods.engine_key(engines, item)
    builder = _builder(settings, item, key, engines.image)
    spec = pods.spec(settings, item, [_sealer(settings, key)], graph_only=True)
    spec["initContainers"].append(builder)
    spec["restartPolicy"] = "Never"
    spec["nodeSelector"] = spec.get("nodeSelector", {}) | pods.engine_nodes(engines)
    spec["volumes"].append(pods.engine_volume(engines))
    labels = names.labels(settings, item) | {"app.kubernetes.io/component": "job"}
    told = f"gpu={key.gpu} driver={key.driver} tensorrt={key.tensorrt} digest={key.digest}"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(key),
            "namespace": settings.workloads,
            "labels": labels,
            "annotations": {f"{PREFIX}/engine": told},
        },
        "spec": {
            "backoffLimit": 1,
            "activeDeadlineSeconds": engines.seconds,
            "template": shaped({"metadata": {"labels": labels}, "spec": spec}, settings.shape("triton")),
        },
    }


def _builder(settings: ServingSettings, item: Wanted, key: EngineKey, image: str) -> Part:
    asked = pods.resources(settings, item)
    if not pods.has_gpu(settings, item):
        asked["limits"] = asked.get("limits", {}) | {"nvidia.com/gpu": "1"}
    mounts = [mount("models", pods.MODELS, read_only=True), mount("tmp", SCRATCH)]
    mounts.append(mount("engines", pods.ENGINES))
    line = command(item.name, key, shapes(settings, item))
    return container("build", image, {"HOME": SCRATCH}, asked, mounts, command=line)


def _sealer(settings: ServingSettings, key: EngineKey) -> Part:
    """Says of the engine what it is bound to, once it is whole."""
    return container(
        "seal", settings.serving_image, {"HOME": SCRATCH}, pods.ALONE_RESOURCES,
        [mount("tmp", SCRATCH), mount("engines", pods.ENGINES)],
        command=["python", "-m", engine.__name__],
        args=[f"--folder={pods.ENGINES}", f"--key={key.model_dump_json()}"],
    )  # fmt: skip
