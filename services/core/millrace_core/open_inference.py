"""The messages of the Open Inference Protocol over gRPC that are read here, as the protocol numbers their fields.

They stand in a pool of their own, so that a client library that brings the whole service beside them does no harm.
Fields that nobody here reads are left out; protobuf keeps them as unknown.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from millrace_contracts.bodies import Document

FIELD = descriptor_pb2.FieldDescriptorProto
PACKAGE, FILE = "inference", "open_inference.proto"
CONTENTS = {
    "bool_contents": ("bool", 1),
    "int_contents": ("int32", 2),
    "int64_contents": ("int64", 3),
    "uint_contents": ("uint32", 4),
    "uint64_contents": ("uint64", 5),
    "fp32_contents": ("float", 6),
    "fp64_contents": ("double", 7),
    "bytes_contents": ("bytes", 8),
}
HOLDS = dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents")
HOLDS |= dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents")
HOLDS |= {
    "BOOL": "bool_contents", "INT64": "int64_contents", "UINT64": "uint64_contents", "FP32": "fp32_contents",
    "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
"""The typed contents of each datatype; one that is not here, like FP16, only travels raw."""


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=FILE, syntax="proto3")
    file.package = PACKAGE
    contents = file.message_type.add(name="InferTensorContents")
    for name, (kind, number) in CONTENTS.items():
        _field(contents, name, number, kind, many=True)
    parameter = file.message_type.add(name="InferParameter")
    parameter.oneof_decl.add(name="parameter_choice")
    _field(parameter, "string_param", 3, "string").oneof_index = 0
    tensor = file.message_type.add(name="InferTensor")
    _field(tensor, "name", 1, "string")
    _field(tensor, "datatype", 2, "string")
    _field(tensor, "shape", 3, "int64", many=True)
    _field(tensor, "contents", 5, "InferTensorContents")
    _infer(file, "ModelInferRequest", ("inputs", 5), ("raw_input_contents", 7))
    _infer(file, "ModelInferResponse", ("outputs", 5), ("raw_output_contents", 6))
    return file


def _infer(
    file: descriptor_pb2.FileDescriptorProto, name: str, tensors: tuple[str, int], raw: tuple[str, int]
) -> None:
    message = file.message_type.add(name=name)
    for number, plain in enumerate(("model_name", "model_version", "id"), start=1):
        _field(message, plain, number, "string")
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    _field(entry, "key", 1, "string")
    _field(entry, "value", 2, "InferParameter")
    _field(message, "parameters", 4, f"{name}.ParametersEntry", many=True)
    _field(message, *tensors, "InferTensor", many=True)
    _field(message, *raw, "bytes", many=True)


def _field(message: Any, name: str, number: int, kind: str, many: bool = False) -> Any:
    field = message.field.add(name=name, number=number)
    field.label = FIELD.LABEL_REPEATED if many else FIELD.LABEL_OPTIONAL
    if kind[0].isupper():
        field.type, field.type_name = FIELD.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(FIELD, f"TYPE_{kind.upper()}")
    return field


def _messages() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    file = pool.Add(_file()) or pool.FindFileByName(FILE)
    return {
        name: message_factory.GetMessageClass(message) for name, message in file.message_types_by_name.items()
    }


MESSAGES = _messages()
KINDS: dict[str, Any] = {"inputs": MESSAGES["ModelInferRequest"], "outputs": MESSAGES["ModelInferResponse"]}
RAW = {"inputs": "raw_input_contents", "outputs": "raw_output_contents"}


class NoMessage(ValueError):
    """The bytes are not what the protocol says."""


def parsed(body: bytes, side: str) -> tuple[Any, list[bytes]]:
    """The message that asks (*side* `inputs`) or answers (`outputs`), and its raw contents. Raises: NoMessage."""
    try:
        message = KINDS[side].FromString(body)
    except DecodeError as error:
        raise NoMessage(str(error)) from error
    return message, list(getattr(message, RAW[side]))


def head(message: Any, side: str, sizes: tuple[int, ...]) -> Document:
    """What the JSON head of the same request or answer over REST would say.

    Args:
        sizes: bytes of each raw tensor, which stand behind such a head; none where the message holds its values.
    Raises: NoMessage if only some tensors are raw.
    """
    given = list(getattr(message, side))
    if sizes and len(sizes) != len(given):
        raise NoMessage(f"{len(given)} tensors have {len(sizes)} raw contents")
    tensors = [_tensor(item) for item in given]
    for place, item in enumerate(given):
        tensors[place] |= (
            {"parameters": {"binary_data_size": sizes[place]}} if sizes else {"data": _values(item)}
        )
    told = message.parameters.items()
    texts = {key: value.string_param for key, value in told if value.HasField("string_param")}
    return {side: tensors, "parameters": texts}


def _tensor(item: Any) -> Document:
    return {"name": item.name, "datatype": item.datatype, "shape": list(item.shape)}


def _values(item: Any) -> list[Any]:
    """The typed contents; none of a datatype that only travels raw."""
    if item.datatype not in HOLDS:
        return []
    values = list(getattr(item.contents, HOLDS[item.datatype]))
    return [value.decode(errors="replace") for value in values] if item.datatype == "BYTES" else values
