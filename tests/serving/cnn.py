"""A small net with convolutions that takes images of 8 x 8, and its INT8 form, made by the rule of `compress`."""

from functools import cache

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from millrace_training.compress import quantise

SIGNATURE = {
    "inputs": [
        {"name": "image", "datatype": "FP32", "column": "image", "kind": "tensor", "shape": [8, 8]},
    ],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "y",
}


def images(count, seed=3):
    """float32 (count, 8, 8)."""
    return np.random.default_rng(seed).uniform(0, 16, size=(count, 8, 8)).astype(np.float32)


@cache
def fp32() -> bytes:
    """Conv, Relu, MaxPool, Conv, Relu, Gemm."""
    draw = np.random.default_rng(4)
    shapes = {"k0": (8, 1, 3, 3), "k1": (16, 8, 3, 3), "w": (256, 1)}
    constants = [
        numpy_helper.from_array(
            (draw.normal(size=shape) / np.sqrt(np.prod(shape[1:]) * 9)).astype(np.float32), name
        )
        for name, shape in shapes.items()
    ]
    constants += [numpy_helper.from_array(np.zeros(1, np.float32), "b")]
    constants += [numpy_helper.from_array(np.array([1], np.int64), "axis")]
    nodes = [
        helper.make_node("Unsqueeze", ["image", "axis"], ["c"], name="shape"),
        helper.make_node("Conv", ["c", "k0"], ["h0"], pads=[1, 1, 1, 1], name="first"),
        helper.make_node("Relu", ["h0"], ["r0"], name="relu0"),
        helper.make_node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2], name="pool"),
        helper.make_node("Conv", ["p0", "k1"], ["h1"], pads=[1, 1, 1, 1], name="second"),
        helper.make_node("Relu", ["h1"], ["r1"], name="relu1"),
        helper.make_node("Flatten", ["r1"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w", "b"], ["prediction"], name="last"),
    ]
    graph = helper.make_graph(
        nodes,
        "cnn",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 8, 8])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@cache
def int8() -> bytes:
    """Static U8/S8 per channel."""
    return quantise.static(fp32(), {"image": images(128, seed=5)}, quantise.Style())


def answers(graph: bytes, given):
    """What onnxruntime says in this process, a list."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": given})[0].reshape(-1).tolist()


def golden(graph: bytes):
    """Golden rows and their answers."""
    rows = images(4, seed=6)
    return {
        "inputs": {"image": [row.reshape(-1).tolist() for row in rows]},
        "outputs": {"prediction": answers(graph, rows)},
    }
