"""A small MLP whose INT8 form answers a little otherwise, and the variants that its release tells of."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

INPUTS = [f"x{number}" for number in range(8)]
SIGNATURE = {
    "inputs": [{"name": name, "datatype": "FP32", "column": name, "kind": "number"} for name in INPUTS],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "y",
}


def rows(count, seed):
    """Values by input, of shape (count, 1)."""
    drawn = np.random.default_rng(seed).normal(size=(len(INPUTS), count, 1)).astype(np.float32)
    return dict(zip(INPUTS, drawn, strict=True))


@cache
def fp32(width=64, seed=1, inputs=tuple(INPUTS)) -> bytes:
    """Two layers, from one column an input to one prediction."""
    rng = np.random.default_rng(seed)
    nodes, constants, size = [helper.make_node("Concat", inputs, ["h0"], axis=1)], [], len(inputs)
    for layer, out in enumerate((width, width, 1)):
        weights = (rng.normal(size=(size, out)) / np.sqrt(size)).astype(np.float32)
        constants += [numpy_helper.from_array(weights, f"w{layer}")]
        constants += [numpy_helper.from_array(np.zeros(out, np.float32), f"b{layer}")]
        last = layer == 2
        made = "prediction" if last else f"g{layer}"
        nodes.append(helper.make_node("Gemm", [f"h{layer}", f"w{layer}", f"b{layer}"], [made]))
        nodes += [] if last else [helper.make_node("Relu", [made], [f"h{layer + 1}"])]
        size = out
    column = [None, 1]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, column) for name in inputs],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, column)],
        constants,
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


class _Rows(CalibrationDataReader):
    def __init__(self, inputs):
        rng = np.random.default_rng(2)
        self.left = iter(
            [{name: rng.normal(size=(32, 1)).astype(np.float32) for name in inputs} for _ in range(4)]
        )

    def get_next(self):
        return next(self.left, None)


@cache
def int8(width=64, seed=1, inputs=tuple(INPUTS)) -> bytes:
    """The same in 8 bits: static U8/S8 per channel, as ORT wants it on a CPU."""
    with TemporaryDirectory() as folder:
        plain, made = Path(folder, "plain.onnx"), Path(folder, "int8.onnx")
        onnx.save(onnx.load_from_string(fp32(width, seed, inputs)), plain)
        quantize_static(
            plain,
            made,
            _Rows(inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        return made.read_bytes()


def answers(graph, feeds):
    """What a graph answers here, of shape (rows,)."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["prediction"], feeds)[0].reshape(-1)


GOLDEN_ROWS = 4


def golden(graph) -> dict:
    """Golden rows as *graph* answers them."""
    feeds = rows(GOLDEN_ROWS, 3)
    inputs = {name: [float(value) for value in values.reshape(-1)] for name, values in feeds.items()}
    return {
        "inputs": inputs,
        "outputs": {"prediction": [float(value) for value in answers(graph, feeds)]},
    }
