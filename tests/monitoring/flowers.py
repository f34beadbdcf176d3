"""Flowers of three kinds, made up: rows, truth, models as ONNX files with a vector a row, and baselines."""

import base64
from datetime import timedelta

import numpy as np
import orjson
from onnx import TensorProto, helper

from millrace_stats import tasks
from millrace_stats.profiles import fit_spec, profile

from .gateway import log_record
from .sales import START, monitor

KINDS = ["iris", "rose", "tulip"]
TASK = tasks.of("multiclass")
SIGNATURE = {
    "inputs": [
        {"name": "price", "datatype": "FP32", "column": "price", "kind": "number"},
        {"name": "shop", "datatype": "BYTES", "column": "shop_name", "kind": "category"},
    ],
    "outputs": [
        {"name": "probabilities", "datatype": "FP32", "width": 3},
        {"name": "class", "datatype": "BYTES"},
    ],
    "task": "multiclass",
    "target": "kind",
    "classes": KINDS,
}
WEIGHTS, BIAS = np.array([-1.0, 0.0, 1.0]), np.array([9.0, 0.0, -11.0])


def probabilities(price, sharpness=1.0):
    """What the model answers: float64 (rows, 3)."""
    logits = sharpness * (np.asarray(price, float)[:, None] * WEIGHTS + BIAS)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def graph(sharpness=1.0):
    """The model as an ONNX file."""
    nodes = [
        helper.make_node("MatMul", ["price", "weights"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["place"], axis=1, keepdims=1),
        helper.make_node("LabelEncoder", ["place"], ["class"], domain="ai.onnx.ml",
                         keys_int64s=[0, 1, 2], values_strings=KINDS),
    ]  # fmt: skip
    made = helper.make_graph(
        nodes,
        "flowers",
        [
            helper.make_tensor_value_info("price", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("shop", TensorProto.STRING, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
            helper.make_tensor_value_info("class", TensorProto.STRING, [None, 1]),
        ],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [1, 3], sharpness * WEIGHTS),
            helper.make_tensor("bias", TensorProto.FLOAT, [3], sharpness * BIAS),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()


def flowers_of_day(number, rows=60, price=10.0, seed=1):
    """Features and truth of one day; the model with sharpness 1 knows the true odds."""
    draw = np.random.default_rng([seed, number])
    prices = draw.normal(price, 2.0, rows).astype(np.float32)
    odds = probabilities(prices)
    kinds = [KINDS[int(draw.choice(3, p=row))] for row in odds]
    return {"price": prices, "shop": np.full(rows, "north", object)}, kinds


def baseline(days=40, sharpness=1.0):
    """baseline.json as training writes it; all its days are out of sample."""
    tables = [flowers_of_day(1000 + number) for number in range(days)]
    prices = np.concatenate([features["price"] for features, _ in tables])
    reduced = TASK.reduced(probabilities(prices, sharpness), KINDS)
    spec = fit_spec({"price": prices}, {"price": "number"}, reduced)
    counted, losses = [], []
    for number, (features, kinds) in enumerate(tables):
        answers = probabilities(features["price"], sharpness)
        columns = {name: part.values for name, part in TASK.reduced(answers, KINDS).items()}
        day = (START - timedelta(days=days - number)).date().isoformat()
        counted.append({"day": day, **profile(spec, {"price": features["price"], **columns}).to_dict()})
        loss = float(TASK.losses(TASK.encode(kinds, KINDS), answers).mean())
        losses.append({"day": day, "n": len(kinds), "loss": loss})
    return orjson.dumps({"profile": spec.to_dict(), "days": counted, "loss": losses})


def version(registry, number, sharpness=1.0):
    """A version as a lineup names it."""
    files = {
        "model.onnx": registry.put(graph(sharpness)),
        "baseline.json": registry.put(baseline(sharpness=sharpness)),
    }
    through = (START - timedelta(days=40)).isoformat()
    return {"version": number, "revision": f"sales--r{number}", "files": files, "trained_through": through}


def flower_monitor(champion, archived=(), **more):
    """Body of PUT /monitors/sales for flowers."""
    declared = {"task": "multiclass", "target": "kind", "signature": SIGNATURE}
    return monitor(champion, archived, **(declared | more))


def flower_record(name, features, answers, at=START, **more):
    """What the gateway logs of a request that was answered with a vector a row."""
    output = {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": list(answers.shape),
        "data": answers.tolist(),
    }
    body = base64.b64encode(orjson.dumps({"outputs": [output]})).decode()
    return log_record(name, features, [], at, **({"response": body} | more))
