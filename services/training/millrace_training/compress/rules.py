"""What TensorRT asks of a graph's nets, checked by reading: nothing of it was run where these rules were written.

TensorRT 11 has no implicit INT8: only Q/DQ nodes count, with signed numbers and every zero point 0. It runs no
texts, no operators of ai.onnx.ml, no QLinear*, *Integer and DynamicQuantizeLinear, and takes opsets 9 to 25.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from millrace_training.graph import nets

OPSETS = range(9, 26)
NEVER = ("QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger", "DynamicQuantizeLinear")
PAIR = ("QuantizeLinear", "DequantizeLinear")


def broken(graph: bytes) -> list[str]:
    """The rules that the nets of a graph break, each in words."""
    model = nets.named(graph)
    return list(dict.fromkeys(_broken(model)))


def _broken(model: Any) -> Iterator[str]:
    import onnx

    opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
    if opset not in OPSETS:
        yield f"opset {opset} is not one of {OPSETS.start} to {OPSETS.stop - 1}"
    constants = {item.name: item for item in model.graph.initializer}
    inside = inner(model)
    if not inside:
        yield "it has no net that could run there"
    for node in inside:
        if node.domain not in ("", "ai.onnx"):
            yield f"{node.op_type} of {node.domain} stands within the net"
        if node.op_type in NEVER:
            yield f"{node.op_type} is no operator of TensorRT"
        texts = [name for name in node.input if _kind(constants, name) == onnx.TensorProto.STRING]
        if texts:
            yield f"{node.op_type} takes texts"
        if node.op_type in PAIR:
            yield from _asymmetric(node, constants)


def inner(model: Any) -> list[Any]:
    """The nodes of nets with the Q/DQ nodes around them, in the order of the graph."""
    maker = {name: node for node in model.graph.node for name in node.output}
    layers = [node for node in model.graph.node if node.op_type in nets.LAYERS and not node.domain]
    inside = {node.name for node in layers}
    for node in layers:
        for name in node.input:
            made = maker.get(name)
            while made is not None and made.op_type in (*PAIR, *nets.BETWEEN) and made.name not in inside:
                inside.add(made.name)
                made = maker.get(made.input[0])
    return [node for node in model.graph.node if node.name in inside or node.op_type in NEVER]


def _asymmetric(node: Any, constants: Mapping[str, Any]) -> Iterator[str]:
    import onnx

    point = constants.get(node.input[2]) if len(node.input) > 2 else None
    if point is None:
        yield f"the zero point of {node.op_type} is no constant"
    elif point.data_type != onnx.TensorProto.INT8:
        kind = onnx.TensorProto.DataType.Name(point.data_type)
        yield f"{node.op_type} has the type {kind}, not INT8" + (
            " (a bias stays in FP32)" if kind == "INT32" else ""
        )
    elif np.any(onnx.numpy_helper.to_array(point)):
        yield f"a zero point of {node.op_type} is not 0"


def _kind(constants: Mapping[str, Any], name: str) -> int | None:
    return constants[name].data_type if name in constants else None
