"""Small ONNX graphs with numbers, categories and a timestamp, good ones and garbage."""

import math

from onnx import TensorProto, helper

SIGNATURE = {
    "inputs": [
        {"name": "distance", "datatype": "FP32", "column": "distance", "kind": "number"},
        {"name": "origin", "datatype": "BYTES", "column": "origin", "kind": "category"},
        {"name": "departed", "datatype": "INT64", "column": "departed", "kind": "timestamp"},
    ],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "air_time",
}
GOLDEN_INPUTS = {
    "distance": [100.0, 250.0],
    "origin": ["JFK", None],
    "departed": ["2013-03-10T07:00:00Z", None],
}
ORIGINS = {"JFK": 5.0, "EWR": 7.0}


def graph(slope: float = 2.0, nan: bool = False, constant: bool = False, unknown_op: bool = False) -> bytes:
    """prediction = slope * distance + value of the origin (0 when missing or unseen)."""
    column = [None, 1]
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["origin"],
            ["code"],
            domain="ai.onnx.ml",
            keys_strings=list(ORIGINS),
            values_floats=list(ORIGINS.values()),
            default_float=0.0,
        ),
        helper.make_node("Mul", ["distance", "slope"], ["scaled"]),
        helper.make_node("Cast", ["departed"], ["time"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["time", "zero"], ["nothing"]),
        helper.make_node("Add", ["scaled", "code"], ["sum"]),
        helper.make_node("Add", ["sum", "nothing"], ["total"]),
    ]
    if nan:
        nodes += [
            helper.make_node("Sub", ["total", "total"], ["none"]),
            helper.make_node("Div", ["none", "none"], ["prediction"]),
        ]
    elif constant:
        nodes += [
            helper.make_node("Mul", ["total", "zero"], ["none"]),
            helper.make_node("Add", ["none", "slope"], ["prediction"]),
        ]
    else:
        nodes.append(helper.make_node("NoSuchOp" if unknown_op else "Identity", ["total"], ["prediction"]))
    made = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("distance", TensorProto.FLOAT, column),
            helper.make_tensor_value_info("origin", TensorProto.STRING, column),
            helper.make_tensor_value_info("departed", TensorProto.INT64, column),
        ],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, column)],
        [
            helper.make_tensor("slope", TensorProto.FLOAT, [1], [slope]),
            helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def golden(slope: float = 2.0) -> dict:
    """What a good graph of this slope answers."""
    values = [slope * GOLDEN_INPUTS["distance"][0] + 5.0, slope * GOLDEN_INPUTS["distance"][1]]
    return {"inputs": GOLDEN_INPUTS, "outputs": {"prediction": values}}


WRONG_TIME = {"name": "departed", "datatype": "FP32", "column": "departed", "kind": "timestamp"}
"""An input that the graph declares as INT64."""

EXACT_SIGNATURE = {
    "inputs": [{"name": "meter", "datatype": "FP64", "column": "meter", "kind": "number"}],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "wait",
}
EXACT_CENTRE = 1_700_000_000.0
EXACT_GOLDEN = {
    "inputs": {"meter": [EXACT_CENTRE + 1, EXACT_CENTRE + 7]},
    "outputs": {"prediction": [1.0, 7.0]},
}


def exact_graph() -> bytes:
    """prediction = meter - 1,700,000,000, subtracted in 64 bits."""
    nodes = [
        helper.make_node("Sub", ["meter", "centre"], ["near"]),
        helper.make_node("Cast", ["near"], ["prediction"], to=TensorProto.FLOAT),
    ]
    return _of_doubles(
        "exact", ["meter"], nodes, [helper.make_tensor("centre", TensorProto.DOUBLE, [1], [EXACT_CENTRE])]
    )


def _of_doubles(name: str, inputs: list[str], nodes: list, constants: list) -> bytes:
    """A graph from numbers of 64 bits to one prediction of 32."""
    made = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(item, TensorProto.DOUBLE, [None, 1]) for item in inputs],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])],
        constants,
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


CLASSES = ["a", "b", "c"]
CLASSES_SIGNATURE = {
    "inputs": [{"name": "distance", "datatype": "FP32", "column": "distance", "kind": "number"}],
    "outputs": [
        {"name": "probabilities", "datatype": "FP32", "width": 3},
        {"name": "class", "datatype": "BYTES"},
    ],
    "task": "multiclass",
    "target": "kind",
    "classes": CLASSES,
}


def classes_graph() -> bytes:
    """Three classes by softmax of distance times (0, 1, 2): the class as text, and the probability of each."""
    nodes = [
        helper.make_node("MatMul", ["distance", "slopes"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["place"], axis=1, keepdims=1),
        helper.make_node(
            "LabelEncoder",
            ["place"],
            ["class"],
            domain="ai.onnx.ml",
            keys_int64s=[0, 1, 2],
            values_strings=CLASSES,
        ),
    ]
    made = helper.make_graph(
        nodes,
        "classes",
        [helper.make_tensor_value_info("distance", TensorProto.FLOAT, [None, 1])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]),
            helper.make_tensor_value_info("class", TensorProto.STRING, [None, 1]),
        ],
        [helper.make_tensor("slopes", TensorProto.FLOAT, [1, 3], [0.0, 1.0, 2.0])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def classes_golden() -> dict:
    """What `classes_graph` answers for two distances."""
    rows = []
    for distance in (-1.0, 1.0):
        weights = [math.exp(distance * slope) for slope in (0.0, 1.0, 2.0)]
        rows.append([weight / sum(weights) for weight in weights])
    return {
        "inputs": {"distance": [-1.0, 1.0]},
        "outputs": {"probabilities": rows, "class": ["a", "c"]},
    }


def difference_graph() -> bytes:
    """prediction = meter - other, both in 64 bits."""
    nodes = [
        helper.make_node("Sub", ["meter", "other"], ["exact"]),
        helper.make_node("Cast", ["exact"], ["prediction"], to=TensorProto.FLOAT),
    ]
    return _of_doubles("difference", ["meter", "other"], nodes, [])
