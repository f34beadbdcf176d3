"""FP16 forms: the nets of a graph in half precision, with everything before and behind them as it was.

onnxruntime's converter casts every input of a graph to FP16 and back, which makes large numbers infinite; here only
what enters a net is cast, behind the features.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from millrace_training.compress.target import Unfit
from millrace_training.graph import nets

LARGEST = float(np.finfo(np.float16).max)


def halved(graph: bytes) -> bytes:
    """The graph with its nets in FP16; inputs and outputs stay what they are. Raises: Unfit."""
    import onnx

    model = nets.named(graph)
    net = nets.find(model)
    if not net:
        raise Unfit("it has no net: no layer whose answers feed another")
    inside = {*net.layers, *net.between}
    made = list(_nodes(model.graph, inside))
    del model.graph.node[:]
    model.graph.node.extend(made)
    _without_unused(model.graph)
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _nodes(graph: Any, inside: set[str]) -> Iterator[Any]:
    """The nodes in order, with a cast where a tensor enters a net and where it leaves one."""
    from onnx import TensorProto, helper

    constants = {item.name: item for item in graph.initializer}
    made_inside = {name for node in graph.node if node.name in inside for name in node.output}
    outside = {name for node in graph.node if node.name not in inside for name in node.input}
    outside |= {item.name for item in graph.output}
    cast: set[str] = set()
    for node in graph.node:
        if node.name not in inside:
            yield node
            continue
        for place, name in enumerate(node.input):
            if name in constants and constants[name].data_type == TensorProto.FLOAT:
                node.input[place] = _constant(graph, constants, name)
            elif name in made_inside:
                node.input[place] = f"{name}/half"
            elif name and name not in constants:
                if name not in cast:
                    cast.add(name)
                    yield helper.make_node(
                        "Cast", [name], [f"{name}/half"], f"{name}/halved", to=TensorProto.FLOAT16
                    )
                node.input[place] = f"{name}/half"
        answered = list(node.output)
        for place, name in enumerate(answered):
            node.output[place] = f"{name}/half"
        yield node
        for name in answered:
            if name in outside:
                yield helper.make_node(
                    "Cast", [f"{name}/half"], [name], f"{name}/whole", to=TensorProto.FLOAT
                )


def _constant(graph: Any, constants: MutableMapping[str, Any], name: str) -> str:
    """The name of that constant in FP16, which is made if it is new."""
    from onnx import numpy_helper

    half = f"{name}/half"
    if half not in constants:
        values = np.clip(numpy_helper.to_array(constants[name]), -LARGEST, LARGEST).astype(np.float16)
        constants[half] = numpy_helper.from_array(values, half)
        graph.initializer.append(constants[half])
    return half


def _without_unused(graph: Any) -> None:
    asked = {name for node in graph.node for name in node.input}
    kept = [item for item in graph.initializer if item.name in asked]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def count(graph: bytes) -> int:
    """Constants in FP16."""
    import onnx

    model = onnx.load_from_string(graph)
    return sum(item.data_type == onnx.TensorProto.FLOAT16 for item in model.graph.initializer)
