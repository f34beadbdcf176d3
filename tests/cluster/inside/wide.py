"""Training code of a team's own for the tests: a wide net whose last layer alone is learnt, and a look at its cell.

It knows no Millrace but its five calls, and waits once, after its second step, until its pod is taken away.
"""

import os
import socket
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS = (2048, 1536)
STRENGTHS = (1000.0, 300.0, 100.0)
"""How much the last layer is held back, from step to step."""


def main(job):
    seen = sights()
    if seen:
        raise RuntimeError("; ".join(seen))
    x, y = job.matrix(), job.target()
    draw = np.random.default_rng(job.seed)
    layers, values = [], x
    for width in WIDTHS:
        layers.append(
            (
                draw.normal(0, (2 / values.shape[1]) ** 0.5, (values.shape[1], width)),
                draw.normal(0, 0.1, width),
            )
        )
        values = np.maximum(values @ layers[-1][0] + layers[-1][1], 0)
    middle, mean = values.mean(axis=0), y.mean()
    first = int(np.load(job.resume())["step"]) + 1 if job.resume() else 0
    for step in range(first, len(STRENGTHS)):
        inner = (values - middle).T @ (values - middle) + STRENGTHS[step] * np.eye(WIDTHS[-1])
        weights = np.linalg.solve(inner, (values - middle).T @ (y - mean))
        answers = (values - middle) @ weights + mean
        job.report(step, loss=float(np.mean((answers - y) ** 2)))
        np.savez("state.npz", step=step)
        job.checkpoint("state.npz", step)
        if step == 1 and first == 0 and job.params.get("waits"):
            time.sleep(3600)
    layers.append((weights[:, None], np.array([mean - middle @ weights])))
    onnx.save(graph(layers), "model.onnx")
    job.export("model.onnx", answers[:500])


def sights():
    """What training code in a pod must not see, as far as it is there; the commit is said by our image, to everyone."""
    tokens = [name for name in os.environ if "TOKEN" in name or name.startswith("MILLRACE")]
    tokens = [name for name in tokens if name != "MILLRACE_COMMIT"]
    files = [str(path) for path in (Path("/var/run/secrets"), Path("/run/secrets")) if path.exists()]
    names = [name for name in ("kubernetes.default.svc.cluster.local", "registry.example") if found(name)]
    others = [int(path.name) for path in Path("/proc").glob("[0-9]*") if "agent" in words(path)]
    return [f"{kind}: {what}" for kind, what in (
        ("tokens", tokens), ("files", files), ("names that are looked up", names), ("processes of the job", others),
    ) if what]  # fmt: skip


def found(name):
    try:
        return bool(socket.getaddrinfo(name, 80))
    except OSError:
        return False


def words(process):
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def graph(layers):
    nodes, weights, name = [], [], "x"
    for number, (matrix, bias) in enumerate(layers):
        last = number == len(layers) - 1
        weights += [numpy_helper.from_array(matrix.astype(np.float32), f"w{number}")]
        weights += [numpy_helper.from_array(bias.astype(np.float32), f"b{number}")]
        made = "prediction" if last else f"sum{number}"
        nodes.append(
            helper.make_node("Gemm", [name, f"w{number}", f"b{number}"], [made], name=f"gemm{number}")
        )
        if not last:
            name = f"relu{number}"
            nodes.append(helper.make_node("Relu", [made], [name], name=name))
    made = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", layers[0][0].shape[0]])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])],
        weights,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
