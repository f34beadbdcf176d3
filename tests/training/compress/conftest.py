"""A candidate with a small net: fitted by scikit-learn, exported by our own builder, with rows to judge it on."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.neural_network import MLPRegressor

from millrace_contracts.compressing import CompressSpec
from millrace_contracts.signature import Signature
from millrace_contracts.variants import Measurement, NodeKind
from millrace_training.graph.builder import ML, Graph

START, DAY = 1_372_636_800_000_000, 86_400_000_000  # 2013-07-01 UTC
DAYS, A_DAY, WIDTH = 60, 40, 6
NUMBERS = [f"x{place}" for place in range(WIDTH)]
SIGNATURE = Signature.model_validate(
    {
        "inputs": [
            *({"name": name, "datatype": "FP32", "column": name, "kind": "number"} for name in NUMBERS),
            {"name": "shop", "datatype": "BYTES", "column": "shop", "kind": "category"},
        ],
        "outputs": [{"name": "prediction", "datatype": "FP32"}],
        "task": "regression",
        "target": "y",
    }
)
NODE = NodeKind(device="cpu", product="any", runtime="onnxruntime", runtime_version="1")


def rows():
    draw = np.random.default_rng(2)
    count = DAYS * A_DAY
    x = draw.normal(size=(count, WIDTH)).astype(np.float32)
    shop = draw.integers(0, 3, count)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * shop + 0.4 * draw.normal(size=count)
    return x, shop, y


def table():
    x, shop, y = rows()
    at = pa.array(START + np.arange(len(y)) * (DAY // A_DAY), pa.timestamp("us", "UTC"))
    columns = {name: x[:, place].astype(float) for place, name in enumerate(NUMBERS)}
    return pa.table({"at": at, **columns, "shop": [f"S{number}" for number in shop], "y": y})


def fitted(days, hidden=(48, 48)):
    x, shop, y = rows()
    seen = slice(0, days * A_DAY)
    features = np.concatenate([x, shop[:, None]], axis=1)
    return MLPRegressor(hidden_layer_sizes=hidden, max_iter=40, early_stopping=True, random_state=0).fit(
        features[seen], y[seen]
    )


def exported(net):
    """Texts and numbers side by side, and a Gemm a layer with a Relu between two."""
    graph = Graph()
    shop = graph.add(
        "LabelEncoder", ["shop"], domain=ML, keys_strings=["S0", "S1", "S2"], values_floats=[0.0, 1.0, 2.0],
        default_float=0.0,
    )  # fmt: skip
    tensor = graph.concat([*NUMBERS, shop])
    for place, (weights, bias) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
        before = graph.add("Relu", [tensor]) if place else tensor
        constants = [graph.constant(part.astype(np.float32)) for part in (weights, bias)]
        tensor = graph.add("Gemm", [before, *constants])
    return graph.model({"prediction": tensor}, SIGNATURE)


@pytest.fixture(scope="session")
def graphs():
    """The graph that serves, and the one that had not seen the last 14 days."""
    return SimpleNamespace(model=exported(fitted(DAYS)), holdout=exported(fitted(DAYS - 14)))


@pytest.fixture
def asked(registry, graphs):
    """What the job is asked about that candidate; *change* goes into it."""
    registry.add("rows", 1, table())
    files = {
        "model.onnx": registry.put_artifact(graphs.model),
        "holdout.onnx": registry.put_artifact(graphs.holdout),
    }

    def spec(**change):
        told = {
            "dataset": "rows", "dataset_version": 1, "task": "regression", "target": "y", "event_time": "at",
            "holdout_days": 14, "minimum_rows": 100, "slices": ["shop"], "targets": ["ort-cpu-int8"],
            "candidate": {"files": files, "signature": SIGNATURE.model_dump(mode="json")},
        }  # fmt: skip
        return CompressSpec.model_validate(told | change)

    return spec


def measured(*speeds):
    """What a measurement says; *speeds* are (rows in a call, times as fast, its lower bound)."""
    latency = {"p10": 0.1, "p50": 0.1, "p99": 0.2, "repeats": 9, "calls": 100, "spread": 0.1}
    each = [latency | {"batch": batch} for batch, _, _ in speeds]
    return Measurement.model_validate(
        {
            "node": NODE, "threads": 1, "exclusive": True, "base": each, "variant": each,
            "speed_up": [
                {"batch": batch, "ratio": ratio, "lower": lower, "upper": 2 * ratio - lower, "p99": ratio}
                for batch, ratio, lower in speeds
            ],
        }
    )  # fmt: skip


FAST = measured((1, 1.5, 1.4), (8, 2.1, 2.0), (64, 3.2, 3.0))
SLOW = measured((1, 0.84, 0.8), (8, 1.3, 1.2), (64, 2.0, 1.9))
