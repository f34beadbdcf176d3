"""Shop sales, made up: rows, truth, models as ONNX files, and the baselines that training would write."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
from onnx import TensorProto, helper

from millrace_stats.profiles import PREDICTION, fit_spec, profile

START = datetime(2024, 3, 1, tzinfo=UTC)
SHOPS = ("north", "south", "west")
SIGNATURE = {
    "inputs": [
        {"name": "price", "datatype": "FP32", "column": "price", "kind": "number"},
        {"name": "shop", "datatype": "BYTES", "column": "shop_name", "kind": "category"},
    ],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "sold",
}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def graph(slope, bias=0.0):
    """prediction = slope * price + bias + 0 * code(shop), as an ONNX file."""
    nodes = [
        helper.make_node("LabelEncoder", ["shop"], ["code"], domain="ai.onnx.ml", keys_strings=list(SHOPS),
                         values_floats=[1.0, 2.0, 3.0], default_float=0.0),
        helper.make_node("Mul", ["price", "slope"], ["scaled"]),
        helper.make_node("Mul", ["code", "zero"], ["nothing"]),
        helper.make_node("Add", ["scaled", "nothing"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["prediction"]),
    ]  # fmt: skip
    made = helper.make_graph(
        nodes,
        "sales",
        [
            helper.make_tensor_value_info("price", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("shop", TensorProto.STRING, [None, 1]),
        ],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])],
        [
            helper.make_tensor(name, TensorProto.FLOAT, [1], [value])
            for name, value in (("slope", slope), ("bias", bias), ("zero", 0.0))
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()


def table_of_day(number, rows=60, slope=2.0, noise=1.0, seed=1, price=10.0):
    """Features and truth of one day: arrays of shape (rows,)."""
    draw = np.random.default_rng([seed, number])
    prices = draw.normal(price, 2.0, rows).astype(np.float32)
    shops = draw.choice(SHOPS, rows).astype(object)
    sold = slope * prices + draw.normal(0, noise, rows)
    return {"price": prices, "shop": shops}, sold


def baseline(slope=2.0, days=40, holdout=28, noise=1.0, model=2.0, first=None):
    """baseline.json as training writes it, for a model that answers `model * price`.

    Predictions are known on the holdout days only, as they are out of sample only there.
    """
    first = first or START - timedelta(days=days)
    tables = [table_of_day(1000 + number, slope=slope, noise=noise) for number in range(days)]
    joined = {name: np.concatenate([features[name] for features, _ in tables]) for name in ("price", "shop")}
    spec = fit_spec(joined, {"price": "number", "shop": "category"}, prediction=model * joined["price"])
    made = []
    losses = []
    for number, (features, sold) in enumerate(tables):
        answers = model * features["price"] if number >= days - holdout else np.full(len(sold), np.nan)
        day = (first + timedelta(days=number)).date().isoformat()
        found = profile(spec, {**features, PREDICTION: answers})
        made.append({"day": day, "n": len(sold), **found.to_dict()})
        if number >= days - holdout:
            losses.append({"day": day, "n": len(sold), "loss": float(np.mean((answers - sold) ** 2))})
    return orjson.dumps({"profile": spec.to_dict(), "days": made, "loss": losses})


def monitor(champion, archived=(), **more):
    """Body of PUT /monitors/sales."""
    return {
        "loop": "sales",
        "task": "regression",
        "target": "sold",
        "event_time": "sold_at",
        "signature": SIGNATURE,
        "label_delay_seconds": 86400,
        "champion": champion,
        "archived": list(archived),
    } | more


def rows_of(number, features, answers, start=START, revision="sales--r1", size=20):
    step = timedelta(seconds=86000 / len(features["price"]))
    return [
        {
            "request_id": f"d{number}-{line // size}",
            "index": line % size,
            "event_time": (start + timedelta(days=number) + line * step).isoformat(),
            "features": {"price": float(features["price"][line]), "shop_name": features["shop"][line]},
            "prediction": None if answers is None else float(answers[line]),
            "revision": revision,
        }
        for line in range(len(features["price"]))
    ]


def labels_of(number, sold, start=START, size=20):
    at = (start + timedelta(days=number + 1)).isoformat()
    return [
        {"request_id": f"d{number}-{line // size}", "index": line % size, "value": float(value), "at": at}
        for line, value in enumerate(sold)
    ]
