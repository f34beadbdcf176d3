"""Is this ONNX file only a model? Parsed in a child process with limits, before anything refers to it.

Run as `python -m millrace_registry.models.inspection <file> <bytes of memory> <CPU-seconds>`: prints JSON.
"""

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MEMORY, SECONDS = 4 * 2**30, 60
TENSORS = 5000
"""Most inputs or outputs of one graph."""
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
DATATYPES = {1: "FP32", 7: "INT64", 8: "BYTES", 9: "BOOL", 11: "FP64", 6: "INT32", 10: "FP16"}


Told = dict[str, str | int | None]


class Refused(Exception):
    """The file must not be served; the text says why."""


def inspect(path: Path) -> dict[str, list[Told]]:
    """Inputs and outputs of the graph (name, datatype, width if it is known). Raises: Refused."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise Refused("it is not an ONNX file, or needs too much memory") from error
    if not model.graph.node:
        raise Refused("it is not an ONNX file with a graph")
    for message in _messages(model):
        _check(message)
    initial = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in initial]
    return {"inputs": _tensors(inputs), "outputs": _tensors(list(model.graph.output))}


def _messages(root: Any) -> Iterator[Any]:
    """Every message in the file, however deep: subgraphs, functions, attributes, sparse tensors, training graphs."""
    waiting = [root]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += value if field.is_repeated else [value]


def _check(message: Any) -> None:
    kind = message.DESCRIPTOR.name
    if kind == "TensorProto" and (message.data_location or message.external_data):
        raise Refused(f"the tensor {_shown(message.name)} lies outside the file (external data)")
    if kind == "NodeProto" and message.domain not in DOMAINS:
        raise Refused(
            f"it uses the operator {_shown(message.op_type)} of the domain {_shown(message.domain)}"
        )
    if kind in ("OperatorSetIdProto", "FunctionProto") and message.domain not in DOMAINS:
        raise Refused(f"it needs operators of the domain {_shown(message.domain)}")


def _tensors(values: list[Any]) -> list[Told]:
    if len(values) > TENSORS:
        raise Refused(f"it has {len(values)} inputs or outputs, more than {TENSORS}")
    return [_tensor(value) for value in values]


def _tensor(value: Any) -> Told:
    element = value.type.tensor_type.elem_type
    if element not in DATATYPES:
        raise Refused(f"{_shown(value.name)} is not a tensor of a known type")
    return {"name": value.name[:1000], "datatype": DATATYPES[element], "width": _width(value)}


def _width(value: Any) -> int | None:
    """Values a row, where the graph tells."""
    sizes = value.type.tensor_type.shape.dim
    return sizes[1].dim_value or None if len(sizes) == 2 else None


def _shown(name: str) -> str:
    """A name from the file, fit to be shown."""
    return ascii(name[:80])[1:-1] or "(unnamed)"


def main() -> int:
    """Inspect one file under limits of memory and time; it may write nothing and start nothing."""
    given = [int(limit) for limit in sys.argv[2:4]]
    memory, seconds = given if len(given) == 2 else (MEMORY, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for forbidden in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(forbidden, (0, 0))
    try:
        print(json.dumps(inspect(Path(sys.argv[1]))))
    except Refused as refusal:
        print(json.dumps({"refused": str(refusal)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
