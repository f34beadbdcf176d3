"""Is this ONNX file only a model? Parsed in a child process with limits, before anything refers to it.

Run as `python -m millrace_registry.models.inspection <file>`: prints JSON, or an error a user can read.
"""

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ADDRESS_SPACE, CPU_SECONDS = 4 * 2**30, 60
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
DATATYPES = {1: "FP32", 7: "INT64", 8: "BYTES", 9: "BOOL", 11: "FP64", 6: "INT32", 10: "FP16"}


class Refused(Exception):
    """The file must not be served; the text says why."""


def inspect(path: Path) -> dict[str, Any]:
    """Inputs and outputs of the graph (name, datatype). Raises: Refused."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise Refused("it is not an ONNX file") from error
    if not model.graph.node:
        raise Refused("it is not an ONNX file with a graph")
    for function in model.functions:
        _check_nodes(function.node)
    foreign = {item.domain for item in model.opset_import} - DOMAINS
    if foreign:
        raise Refused(f"it needs operators of the domain {', '.join(sorted(foreign))}")
    _check_graph(model.graph)
    initial = {item.name for item in model.graph.initializer}
    inputs = [_tensor(item) for item in model.graph.input if item.name not in initial]
    return {"inputs": inputs, "outputs": [_tensor(item) for item in model.graph.output]}


def _tensor(value: Any) -> dict[str, Any]:
    element = value.type.tensor_type.elem_type
    if element not in DATATYPES:
        raise Refused(f"{value.name} is not a tensor of a known type")
    return {"name": value.name, "datatype": DATATYPES[element]}


def _check_graph(graph: Any) -> None:
    sparse = (part for item in graph.sparse_initializer for part in (item.values, item.indices))
    for tensor in (*graph.initializer, *sparse):
        _check_tensor(tensor)
    _check_nodes(graph.node)


def _check_nodes(nodes: Any) -> None:
    for node in nodes:
        if node.domain not in DOMAINS:
            raise Refused(f"it uses the operator {node.domain}.{node.op_type}")
        for attribute in node.attribute:
            for tensor in _tensors(attribute):
                _check_tensor(tensor)
            for graph in (attribute.g, *attribute.graphs):
                _check_graph(graph)


def _tensors(attribute: Any) -> Iterator[Any]:
    yield attribute.t
    yield from attribute.tensors
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield from (sparse.values, sparse.indices)


def _check_tensor(tensor: Any) -> None:
    if tensor.data_location or tensor.external_data:
        raise Refused(f"the tensor {tensor.name or '(unnamed)'} lies outside the file (external data)")


def main() -> int:
    """Inspect one file under limits of memory and time."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        print(json.dumps(inspect(Path(sys.argv[1]))))
    except Refused as refusal:
        print(json.dumps({"refused": str(refusal)}))
    except RecursionError:
        print(json.dumps({"refused": "its graphs are nested too deeply"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
