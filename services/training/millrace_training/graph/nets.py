"""Finds the nets of a graph: layers with weights, one behind the other, which other precisions can speed up.

Trees, single sums (a linear model) and the arithmetic of dates are none: nothing is gained there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
BETWEEN = frozenset(
    {
        "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Div", "Dropout", "Elu", "Erf", "Flatten", "Gelu",
        "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "LayerNormalization", "LeakyRelu",
        "MaxPool", "Mish", "Mul", "Pad", "Pow", "PRelu", "ReduceMean", "Relu", "Reshape", "Selu", "Sigmoid", "Slice",
        "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""Operators that stand between two layers of one net."""


@dataclass(frozen=True)
class Net:
    """The nets of one graph.

    Attributes:
        layers: names of the nodes with weights, in the order of the graph.
        between: names of the nodes that stand between two of them.
        inputs: tensors at which they begin. outputs: tensors that the last layers answer.
        weights: numbers in all weights.
    """

    layers: list[str]
    between: list[str]
    inputs: list[str]
    outputs: list[str]
    weights: int

    def __bool__(self) -> bool:
        return bool(self.layers)


def named(graph: bytes) -> Any:
    """The model with a name of its own for each node, as the tools that change graphs want it."""
    import onnx

    model = onnx.load_from_string(graph)
    taken: set[str] = set()
    for place, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"node-{place}"
        taken.add(node.name)
    return model


def count(graph: bytes) -> int:
    """How many layers the nets of a graph have; 0: it has none."""
    return len(find(named(graph)).layers)


def find(model: Any) -> Net:
    """The nets of a *model* whose nodes have names."""
    nodes = list(model.graph.node)
    sizes = dict(_constants(model.graph))
    maker = {name: node for node in nodes for name in node.output}
    weighted = [node for node in nodes if _has_weights(node, sizes)]
    layers, between, inner = set(), set(), set()
    for node in weighted:
        before, path = _behind(node, maker, sizes)
        if before:
            layers |= {node.name, *before}
            between |= path
            inner |= set(before)
    kept = [node for node in weighted if node.name in layers]
    first = [node for node in kept if not _behind(node, maker, sizes)[0]]
    return Net(
        layers=[node.name for node in kept],
        between=[node.name for node in nodes if node.name in between],
        inputs=list(dict.fromkeys(node.input[0] for node in first)),
        outputs=[node.output[0] for node in kept if node.name not in inner],
        weights=sum(sizes[node.input[1]] for node in kept),
    )


def _constants(graph: Any) -> Iterator[tuple[str, int]]:
    """Name and size of each constant of floats with two dimensions or more."""
    from onnx import TensorProto

    for item in graph.initializer:
        if item.data_type == TensorProto.FLOAT and len(item.dims) >= 2:
            size = 1
            for length in item.dims:
                size *= length
            yield item.name, size


def _has_weights(node: Any, sizes: dict[str, int]) -> bool:
    return node.op_type in LAYERS and not node.domain and len(node.input) > 1 and node.input[1] in sizes


def _behind(node: Any, maker: Mapping[str, Any], sizes: dict[str, int]) -> tuple[list[str], set[str]]:
    """Layers whose answers reach *node* through nothing but what stands between layers, and what that is."""
    waiting: list[tuple[str, tuple[str, ...]]] = [(node.input[0], ())]
    layers: list[str] = []
    seen, path = set[str](), set[str]()
    while waiting:
        tensor, trail = waiting.pop()
        made = maker.get(tensor)
        if made is None or made.name in seen:
            continue
        seen.add(made.name)
        if _has_weights(made, sizes):
            layers.append(made.name)
            path |= set(trail)
        elif made.op_type in BETWEEN and not made.domain:
            waiting += [(name, (*trail, made.name)) for name in made.input]
    return layers, path
