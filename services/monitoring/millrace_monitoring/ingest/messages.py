"""Reads the messages of the Open Inference Protocol over gRPC into the columns that the same tensors have over REST.

A message is told as the JSON head that would say the same, and its raw contents as the bytes behind that head: so there
is one place that knows what a tensor is kept as.
"""

from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from millrace_contracts.bodies import Document
from millrace_core.open_inference import HOLDS, ModelInferRequest, ModelInferResponse
from millrace_monitoring.ingest import bodies, layouts
from millrace_monitoring.ingest.bodies import Columns
from millrace_monitoring.ingest.layouts import LONGEST, REMEMBERED, Layout
from millrace_monitoring.ingest.tensors import Undecodable

MESSAGES = {"inputs": ModelInferRequest, "outputs": ModelInferResponse}
RAW = {"inputs": "raw_input_contents", "outputs": "raw_output_contents"}


def columns(body: bytes, side: str) -> Columns:
    """The tensors of one message, as `bodies.columns` has them of a body. Raises: Undecodable."""
    try:
        message = MESSAGES[side].FromString(body)
        raw = list(getattr(message, RAW[side]))
        layout = _layout(message, side, tuple(map(len, raw)))
        return bodies.cut(layout, b"".join(raw), 0)
    except Undecodable:
        raise
    except (DecodeError, *bodies.FAULTS) as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def _layout(message: Any, side: str, sizes: tuple[int, ...]) -> Layout:
    """A client sends the same tensors again and again: what they are is worked out once."""
    if not sizes:
        return layouts.drawn(_said(message, side, sizes), side)
    message.ClearField(RAW[side])
    message.ClearField("id")
    head = message.SerializeToString(deterministic=True)
    if len(head) > LONGEST:
        return layouts.drawn(_said(message, side, sizes), side)
    return _remembered(head, side, sizes)


@lru_cache(REMEMBERED)
def _remembered(head: bytes, side: str, sizes: tuple[int, ...]) -> Layout:
    return layouts.drawn(_said(MESSAGES[side].FromString(head), side, sizes), side)


def _said(message: Any, side: str, sizes: tuple[int, ...]) -> Document:
    """What the JSON head of the same request or answer would say; *sizes*: bytes of each raw tensor."""
    given = list(getattr(message, side))
    if sizes and len(sizes) != len(given):
        raise Undecodable(f"{len(given)} tensors have {len(sizes)} raw contents")
    tensors: list[Document] = [_tensor(item) for item in given]
    if sizes:
        for tensor, size in zip(tensors, sizes, strict=True):
            tensor["parameters"] = {"binary_data_size": size}
    else:
        for tensor, item in zip(tensors, given, strict=True):
            tensor["data"] = _contents(item)
    told = message.parameters.items()
    texts = {key: value.string_param for key, value in told if value.HasField("string_param")}
    return {side: tensors, "parameters": texts}


def _tensor(item: Any) -> Document:
    return {"name": item.name, "datatype": item.datatype, "shape": list(item.shape)}


def _contents(item: Any) -> list[Any]:
    values = list(getattr(item.contents, HOLDS[item.datatype]))
    return [value.decode(errors="replace") for value in values] if item.datatype == "BYTES" else values
