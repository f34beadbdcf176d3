"""A version of two small graphs, a table of every kind of cell, and a registry that keeps them."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from fastapi import FastAPI, Request, Response
from onnx import TensorProto, helper

from millrace_contracts.models import ModelVersionRead

SIGNATURE = {
    "inputs": [
        {"name": "size", "datatype": "FP32", "column": "size", "kind": "number"},
        {"name": "shop", "datatype": "BYTES", "column": "shop", "kind": "category"},
        {"name": "open", "datatype": "FP32", "column": "open", "kind": "boolean"},
        {"name": "sold_at", "datatype": "INT64", "column": "sold at", "kind": "timestamp"},
    ],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "revenue",
}
SHOPS = {"north": 5.0, "south": 7.0}


def graph(chance: bool = False) -> bytes:
    """2 * size + the shop's number + open + hours of the time; as a *chance*, that between 0 and 1."""
    nodes = [
        helper.make_node(
            "LabelEncoder", ["shop"], ["code"], domain="ai.onnx.ml",
            keys_strings=list(SHOPS), values_floats=list(SHOPS.values()), default_float=0.0,
        ),
        helper.make_node("Mul", ["size", "two"], ["scaled"]),
        helper.make_node("Div", ["sold_at", "hour"], ["hours"]),
        helper.make_node("Mod", ["hours", "day"], ["clock"]),
        helper.make_node("Cast", ["clock"], ["time"], to=TensorProto.FLOAT),
        helper.make_node("Sum", ["scaled", "code", "open", "time"], ["total"]),
        helper.make_node("Sigmoid" if chance else "Identity", ["total"], ["prediction"]),
    ]  # fmt: skip
    types = {"FP32": TensorProto.FLOAT, "BYTES": TensorProto.STRING, "INT64": TensorProto.INT64}
    inputs = [
        helper.make_tensor_value_info(item["name"], types[item["datatype"]], [None, 1])
        for item in SIGNATURE["inputs"]
    ]
    constants = [
        helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0]),
        helper.make_tensor("hour", TensorProto.INT64, [1], [3600]),
        helper.make_tensor("day", TensorProto.INT64, [1], [24]),
    ]
    output = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])
    made = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def table(rows: int) -> pa.Table:
    """Rows with a column that the model does not take, and missing values."""
    draw = np.random.default_rng(3)
    start = datetime(2030, 1, 1, tzinfo=UTC)
    return pa.table(
        {
            "customer": [f"c{number}" for number in range(rows)],
            "size": pa.array(draw.normal(size=rows), mask=np.arange(rows) % 7 == 3),
            "shop": [["north", "south", "elsewhere", None][number % 4] for number in range(rows)],
            "open": [bool(number % 3) for number in range(rows)],
            "sold at": [start + timedelta(minutes=7 * number) for number in range(rows)],
        }
    )


class Registry:
    """The part of the registry's client that scoring uses, in memory."""

    def __init__(self, chance: bool = False) -> None:
        self.store: dict[str, bytes] = {}
        self.written: list[str] = []
        task = {"task": "binary", "classes": ["no", "yes"]} if chance else {}
        self.facts = {
            "model": "shop", "number": 3, "key": "k", "digest": "sha256:" + "0" * 64,
            "files": {"model.onnx": self.keep(graph(chance))}, "signature": SIGNATURE | task,
            "task": "binary" if chance else "regression", "target": "revenue", "metrics": {}, "baseline": None,
            "lineage": {}, "environment": {}, "golden": {}, "created_at": "2030-01-01T00:00:00Z",
        }  # fmt: skip

    def keep(self, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.store[digest] = data
        return digest

    def version(self, model: str, number: int) -> ModelVersionRead:
        return ModelVersionRead.model_validate(self.facts)

    def get_artifact(self, digest: str) -> bytes:
        return self.store[digest]

    def artifact_chunks(self, digest: str):
        data = self.store[digest]
        for begin in range(0, len(data), 1000):
            yield data[begin : begin + 1000]

    def put_artifact(self, data: Path | bytes, media_type: str = "") -> str:
        self.written.append(self.keep(data if isinstance(data, bytes) else data.read_bytes()))
        return self.written[-1]


def over_http(registry: Registry) -> FastAPI:
    """The same for a process that knows an address only."""
    app = FastAPI()

    @app.get("/v1/models/shop/versions/3")
    def version() -> dict:
        return registry.facts

    @app.get("/v1/artifacts/{digest}")
    def artifact(digest: str) -> Response:
        return Response(registry.store[digest])

    @app.post("/v1/artifacts", status_code=201)
    async def put(request: Request) -> dict:
        data = await request.body()
        registry.written.append(registry.keep(data))
        return {
            "digest": registry.written[-1], "size": len(data), "media_type": "", "created_at": "2030-01-01T00:00:00Z",
        }  # fmt: skip

    return app
