"""Reads Open Inference Protocol v2 bodies, JSON or binary tensors, that strangers may have written.

A body is columns: each tensor of shape (rows,) or (rows, 1) becomes one array of shape (rows,). What is stored
keeps its kind in its name, so that two revisions that type a column differently never clash:
`number:<tensor>` float32, `integer:<tensor>` int64, `text:<tensor>` str.
"""

import json
import struct
from typing import Any

import numpy as np
import orjson

ROWS = 100_000
"""Most rows in one body."""
WIDTHS = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
DTYPES = {name: np.dtype(width) for name, width in WIDTHS.items()}
KEPT = {name: ("integer", np.int64) if name.endswith("INT64") else ("number", np.float32) for name in WIDTHS}
ANSWERS = ("prediction", "probability")


class Undecodable(ValueError):
    """The body is not what the protocol says."""


def columns(body: bytes, json_length: int | None, side: str) -> dict[str, np.ndarray]:
    """The tensors of one body.

    Args:
        json_length: bytes of the JSON head when binary tensors follow it; None when all is JSON.
        side: `inputs` of a request or `outputs` of an answer.
    Returns: arrays of shape (rows,) by kind and tensor name; tensors that are no columns are left out.
    Raises: Undecodable.
    """
    try:
        with np.errstate(over="ignore"):
            return _columns(body, json_length, side)
    except Undecodable:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        struct.error,
        RecursionError,
    ) as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def _columns(body: bytes, json_length: int | None, side: str) -> dict[str, np.ndarray]:
    tensors = _json(body if json_length is None else body[:json_length])[side]
    offset = len(body) if json_length is None else json_length
    found: dict[str, np.ndarray] = {}
    for tensor in tensors:
        values = tensor.get("data")
        if values is None:
            size = int(tensor["parameters"]["binary_data_size"])
            values = body[offset : offset + size]
            offset += size
        if _is_column(tensor["shape"]):
            name, array = _column(tensor, values)
            found[name] = array
    if offset != len(body):
        raise Undecodable("the tensors do not fill the body")
    if len(set(map(len, found.values()))) > 1:
        raise Undecodable("the columns have different lengths")
    return found


def _json(data: bytes) -> dict[str, Any]:
    """JSON; the slow parser also reads the NaN and Infinity that some servers write."""
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError:
        parsed = json.loads(data)
    if not isinstance(parsed, dict):
        raise Undecodable("the body is not an object")
    return parsed


def _is_column(shape: list[int]) -> bool:
    if not shape or type(shape[0]) is not int or not 0 <= shape[0] <= ROWS:
        raise Undecodable("a shape is not valid")
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _column(tensor: dict[str, Any], values: list[Any] | bytes) -> tuple[str, np.ndarray]:
    datatype, name = tensor["datatype"], str(tensor["name"])[:200]
    if isinstance(values, list) and values and isinstance(values[0], list):
        values = [item for row in values for item in row]
    if datatype == "BYTES":
        kind, made = "text", _texts(values)
    else:
        kind, kept = KEPT[datatype]
        dtype = DTYPES[datatype]
        array = np.frombuffer(values, dtype) if isinstance(values, bytes) else np.array(values, dtype)
        made = array if array.dtype == kept else array.astype(kept)
    if made.shape != (tensor["shape"][0],):
        raise Undecodable(f"the tensor {name} has {made.shape} values, its shape says {tensor['shape']}")
    return f"{kind}:{name}", made


def _texts(values: list[Any] | bytes) -> np.ndarray:
    texts = _binary_texts(values) if isinstance(values, bytes) else values
    if not all(isinstance(text, str) for text in texts):
        raise Undecodable("a text tensor holds something else")
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made


def _binary_texts(raw: bytes) -> list[str]:
    texts, offset = [], 0
    while offset < len(raw):
        (length,) = struct.unpack_from("<I", raw, offset)
        offset += 4 + length
        if offset > len(raw):
            raise Undecodable("a text is longer than its tensor")
        texts.append(raw[offset - length : offset].decode(errors="replace"))
    return texts


def answer(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """The one prediction column among *outputs*, float64 of shape (rows,). Raises Undecodable if there is none."""
    named = {name.partition(":")[2]: array for name, array in outputs.items() if array.dtype != object}
    for name in (*ANSWERS, *named):
        if name in named:
            return named[name].astype(np.float64)
    raise Undecodable("the answer has no number")
