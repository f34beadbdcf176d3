"""Whether a graph that code of a user's own exported is only a model, what it takes, and what it answers with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import onnx

from millrace_stats.tasks import Task
from millrace_training.features.columns import Column
from millrace_training.graph.builder import TYPES
from millrace_training.runtime.errors import JobError

OLDEST, NEWEST, NEWEST_FORMAT = 13, 21, 10
"""Operator sets, and the newest file format, that every runtime here reads."""
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
LARGEST = 2**30
FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16}
DATATYPES = {number: name for name, number in TYPES.items()}


@dataclass(frozen=True)
class Exported:
    """A graph as it was handed over.

    Attributes:
        columns: those that it takes one by one; None: it takes the matrix as its only input.
        answer: name of the output with the numbers.
    """

    model: onnx.ModelProto
    columns: list[Column] | None
    answer: str


def refuse(why: str, mend: str) -> NoReturn:
    """Raises: JobError."""
    raise JobError("The exported graph is refused", why, mend)


def read(content: bytes, columns: Sequence[Column], width: int, task: Task, outputs: int) -> Exported:
    """What a graph is, held against the columns of the data.

    Args:
        width: of the matrix. outputs: numbers in one answer of the task.
    Raises: JobError that says what is wrong with it and how to mend it.
    """
    model = _parsed(content)
    _only_a_model(model)
    _operators(model)
    initial = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in initial]
    shapes = {column.tensor: list(column.shape) for column in columns if column.shape}
    for item in inputs:
        _growing(item, shapes.get(item.name))
    return Exported(model, _taken(inputs, columns, width), _answer(model, task))


def _parsed(content: bytes) -> onnx.ModelProto:
    from google.protobuf.message import DecodeError

    if len(content) > LARGEST:
        refuse(f"It has {len(content) >> 20} MiB; {LARGEST >> 20} may be served.", "Make the model smaller.")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        refuse("It is not an ONNX file.", "Hand over what torch.onnx.export or skl2onnx wrote.")
    if not model.graph.node:
        refuse("It has no nodes.", "Hand over a graph that computes something.")
    return model


def _only_a_model(model: onnx.ModelProto) -> None:
    waiting: list[Any] = [model]
    while waiting:
        message = waiting.pop()
        kind = message.DESCRIPTOR.name
        if kind == "TensorProto" and (message.data_location or message.external_data):
            refuse(
                f"Its weights {message.name[:80]!r} lie in another file.", "Export with external_data=False."
            )
        if kind in ("NodeProto", "OperatorSetIdProto") and message.domain not in DOMAINS:
            what = getattr(message, "op_type", "") or "operators"
            refuse(
                f"It needs {what} of the domain {message.domain!r}; only standard operators are served.",
                "Export with standard operators: of torch with dynamo=False, and without fused ones.",
            )
        if kind in ("FunctionProto", "TrainingInfoProto", "SparseTensorProto"):
            refuse(
                f"It has a {kind.removesuffix('Proto')}.", "Export a plain graph: of torch with dynamo=False."
            )
        waiting += _inside(message)


def _inside(message: Any) -> Iterator[Any]:
    for field, value in message.ListFields():
        if field.message_type is not None:
            yield from value if field.is_repeated else [value]


def _operators(model: onnx.ModelProto) -> None:
    version = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    if not OLDEST <= version <= NEWEST:
        mend = f"Export with opset_version=17; {OLDEST} to {NEWEST} can be served."
        refuse(f"It uses operator set {version}.", mend)
    model.ir_version = min(model.ir_version, NEWEST_FORMAT)


def _growing(item: onnx.ValueInfoProto, shape: list[int] | None) -> None:
    """Any number of rows may be asked about at once, of a tensor in the column's *shape*."""
    sizes = item.type.tensor_type.shape.dim
    shown = [size.dim_value or size.dim_param or "?" for size in sizes]
    if shape is not None and (shown[1:] != shape or sizes[0].HasField("dim_value")):
        wanted = ", ".join(["N", *map(str, shape)])
        refuse(
            f"Its input {item.name!r} has the shape {shown}; the column's cells are {shape}, so it is [{wanted}].",
            f"Declare it as [{wanted}], and reshape inside the graph (a Conv wants a dimension of channels).",
        )
    if shape is None and (len(sizes) != 2 or sizes[0].HasField("dim_value")):
        refuse(
            f"Its input {item.name!r} has the shape {shown}; it must take any number of rows, [N, width].",
            'Export with dynamic_axes={"x": {0: "N"}} (torch), or [None, width] (skl2onnx).',
        )


def _taken(inputs: list[onnx.ValueInfoProto], columns: Sequence[Column], width: int) -> list[Column] | None:
    known = {column.tensor: column for column in columns}
    if len(inputs) == 1 and inputs[0].name not in known:
        _check_matrix(inputs[0], width)
        return None
    strange = [item.name for item in inputs if item.name not in known]
    if strange:
        names = ", ".join(list(known)[:20])
        refuse(
            f"Its inputs {', '.join(map(repr, strange[:5]))} are no columns of the data.",
            f"Name each input like a column ({names}), or take one matrix of {width} features.",
        )
    for item in inputs:
        told, wanted = DATATYPES.get(item.type.tensor_type.elem_type), known[item.name].datatype
        wide = item.type.tensor_type.shape.dim[1].dim_value
        if known[item.name].shape and told == wanted:
            continue
        if told != wanted or wide > 1:
            mend = f"Declare it as {wanted} [N, 1]."
            refuse(
                f"Its input {item.name!r} is {told} [N, {wide or '?'}], the column is {wanted} [N, 1].", mend
            )
    taken = {item.name for item in inputs}
    return [column for column in columns if column.tensor in taken]


def _check_matrix(item: onnx.ValueInfoProto, width: int) -> None:
    wide = item.type.tensor_type.shape.dim[1].dim_value
    if item.type.tensor_type.elem_type != onnx.TensorProto.FLOAT or wide not in (0, width):
        refuse(
            f"Its only input {item.name!r} has {wide} features; the matrix has {width} of 32 bits.",
            "Train on job.matrix() as it is, or name the inputs like columns.",
        )


def _answer(model: onnx.ModelProto, task: Task) -> str:
    names = {item.name: item.type.tensor_type.elem_type for item in model.graph.output}
    wanted = task.outputs(("0", "1", "2"))[0].name
    if wanted in names:
        return wanted
    floats = [name for name, kind in names.items() if kind in FLOATS]
    if len(floats) != 1:
        shown = ", ".join(names) or "none"
        refuse(
            f"Its outputs are {shown}; which of them is the {wanted} cannot be told.",
            f"Call one {wanted!r}, or export a single output of numbers.",
        )
    return floats[0]
