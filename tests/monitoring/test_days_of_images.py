"""Days of images close on the real service: scored by the graph, watched by statistics of each image, and labelled rows
come back as training data in their shape."""

import base64
import io
from datetime import timedelta

import numpy as np
import orjson
import pyarrow.parquet as parquet
import pytest
from onnx import TensorProto, helper

from millrace.oip import HEADER_LENGTH, encode
from millrace_stats.profiles import fit_spec, profile
from millrace_stats.shaped import STATISTICS, summaries
from millrace_table import tensors

from . import flowers
from .flowers import KINDS, TASK, flower_record, probabilities
from .gateway import send
from .sales import START, labels_of, monitor

SHAPE = [4, 5]
IMAGE = {"name": "image", "datatype": "FP32", "column": "the image", "kind": "tensor", "shape": SHAPE}
SIGNATURE = flowers.SIGNATURE | {"inputs": [IMAGE]}


def graph():
    """The mean of an image decides its kind, as the price of a flower does."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["price"]),
        helper.make_node("MatMul", ["price", "weights"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["place"], axis=1, keepdims=1),
        helper.make_node(
            "LabelEncoder", ["place"], ["class"], domain="ai.onnx.ml", keys_int64s=[0, 1, 2],
            values_strings=KINDS,
        ),
    ]  # fmt: skip
    made = helper.make_graph(
        nodes,
        "images",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, *SHAPE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
            helper.make_tensor_value_info("class", TensorProto.STRING, [None, 1]),
        ],
        [
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
            helper.make_tensor("weights", TensorProto.FLOAT, [1, 3], [-1.0, 0.0, 1.0]),
            helper.make_tensor("bias", TensorProto.FLOAT, [3], [9.0, 0.0, -11.0]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()


def images_of_day(number, rows=80, contrast=1.0):
    """Images, the model's odds and the truth of one day; *contrast* changes no mean, so no answer either."""
    draw = np.random.default_rng([3, number])
    level = draw.normal(10.0, 2.0, rows)
    noise = draw.normal(0, 1.0, (rows, *SHAPE))
    noise -= noise.mean(axis=(1, 2), keepdims=True)
    images = (level[:, None, None] + contrast * noise).astype(np.float32)
    odds = probabilities(level)
    return images, odds, [KINDS[int(draw.choice(3, p=row))] for row in odds]


def baseline(days=40):
    """baseline.json as training writes it of a column of tensors."""
    told = [images_of_day(1000 + number) for number in range(days)]
    every = summaries("the image", np.concatenate([images for images, _, _ in told]))
    reduced = TASK.reduced(np.concatenate([odds for _, odds, _ in told]), KINDS)
    spec = fit_spec(every, dict.fromkeys(every, "number"), reduced)
    counted, losses = [], []
    for number, (images, odds, kinds) in enumerate(told):
        columns = {name: part.values for name, part in TASK.reduced(odds, KINDS).items()}
        day = (START - timedelta(days=days - number)).date().isoformat()
        counted.append({"day": day, **profile(spec, {**summaries("the image", images), **columns}).to_dict()})
        loss = float(TASK.losses(TASK.encode(kinds, KINDS), odds).mean())
        losses.append({"day": day, "n": len(kinds), "loss": loss})
    return orjson.dumps({"profile": spec.to_dict(), "days": counted, "loss": losses})


def version(registry):
    files = {"model.onnx": registry.put(graph()), "baseline.json": registry.put(baseline())}
    through = (START - timedelta(days=40)).isoformat()
    return {"version": 1, "revision": "sales--r1", "files": files, "trained_through": through}


async def lived(service, number, **more):
    """One day through the gateway, as one request, with its labels."""
    images, odds, kinds = images_of_day(number, **more)
    body, headers = encode({"image": ("FP32", images)})
    sent = {"request": base64.b64encode(body).decode(), "request_json_length": headers[HEADER_LENGTH]}
    nothing = {"price": np.zeros(1, np.float32), "shop": np.array(["s"], object)}
    at = START + timedelta(days=number, hours=3)
    await send(service.otlp_port, [flower_record(f"d{number}-0", nothing, odds, at, **sent)])
    labels = [
        one | {"value": kind}
        for one, kind in zip(labels_of(number, np.zeros(len(kinds)), size=10**6), kinds, strict=True)
    ]
    through = (START + timedelta(days=number + 1)).isoformat()
    body = {"labels": labels, "complete_through": through}
    await service.call("POST", "/v1/monitors/sales/labels", json=body)
    return images, odds, kinds


@pytest.mark.slow
async def test_images_of_another_contrast_drift_in_their_statistics_though_every_answer_is_as_before(service):
    policy = {"drift": {"window_days": 7}}
    declared = {"task": "multiclass", "target": "kind", "signature": SIGNATURE, "policy": policy}
    await service.declare(monitor(version(service.registry), **declared))
    for number in range(21):
        images, odds, kinds = await lived(service, number, contrast=1.0 if number < 7 else 1.12)
    days = await service.closed(21)
    wanted = TASK.losses(TASK.encode(kinds, KINDS), odds).mean()
    assert days[-1]["loss"] == pytest.approx(wanted, rel=1e-3)
    assert (days[-1]["rows"], days[-1]["labelled"], days[-1]["quality"]["served_differs"]) == (80, 80, 0)
    watched = {f"the image.{word}" for word in STATISTICS}
    assert set(days[0]["drift"]["psi"]) == watched | {"__prediction__", "__confidence__"}
    firing = [set(day["drift"]["window"]["firing"]) for day in days if day["drift"].get("window")]
    assert firing[0] == set()
    assert "the image.sd" in firing[1]
    assert not {"the image.mean", "__prediction__"} & firing[1]
    assert [one["kind"] for day in days for one in day["alarms"]] == ["drift"]
    page = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert "the image.sd" in page
    stored = (await service.call("GET", "/v1/monitors/sales/feedback")).content
    table = parquet.read_table(io.BytesIO(stored))
    assert (table.num_rows, table["kind"].to_pylist()[-3:]) == (21 * 80, kinds[-3:])
    np.testing.assert_array_equal(tensors.to_numpy(table["the image"])[-80:], images)
