"""Open Inference Protocol v2 with binary tensors: the one form in which a missing number (NaN) can travel.

Source: Open Inference Protocol, binary tensor data extension (JSON header, then raw little-endian tensors;
a string is its length in 4 bytes and its UTF-8 bytes). What is asked is columns, of shape (rows, 1), or all columns
of a datatype packed into one tensor (see `millrace_contracts.packing`); what is answered may also be a vector a row,
of shape (rows, width): the probabilities of classes.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from millrace_contracts import packing
from millrace_contracts.signature import Input, Signature

Values = npt.NDArray[Any]

LENGTH = struct.Struct("<I")
HEADER_LENGTH = "inference-header-content-length"
DTYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "INT64": np.dtype("<i8"),
    "INT32": np.dtype("<i4"),
}


def encode(columns: Mapping[str, tuple[str, Values]], request_id: str = "") -> tuple[bytes, dict[str, str]]:
    """A request body and its headers.

    Args:
        columns: datatype (`FP32`, `FP64`, `INT64`, `BYTES`) and values of shape (rows,), or (rows, *shape) of tensors,
            by input name; BYTES holds str.
    Raises: ValueError for a datatype that is not known here.
    """
    inputs, tensors = [], []
    for name, (datatype, values) in columns.items():
        raw = _raw(datatype, values)
        tensors.append(raw)
        parameters = {"binary_data_size": len(raw)}
        shape = [len(values), *(np.shape(values)[1:] or (1,))]
        inputs.append({"name": name, "shape": shape, "datatype": datatype, "parameters": parameters})
    return _body({"inputs": inputs, "parameters": {"binary_data_output": True}}, tensors, request_id)


def _body(head: Mapping[str, Any], tensors: list[bytes], request_id: str) -> tuple[bytes, dict[str, str]]:
    header = orjson.dumps({"id": request_id, **head} if request_id else head)
    headers = {HEADER_LENGTH: str(len(header)), "content-type": "application/octet-stream"}
    return header + b"".join(tensors), headers


def pack(columns: Mapping[str, tuple[str, Values]], request_id: str = "") -> tuple[bytes, dict[str, str]]:
    """A request body and its headers in the packed form: one tensor of shape (rows, columns) for each datatype.

    Tensors with a shape are sent by themselves. Takes and raises what `encode` does. A row of many columns is answered
    several times as fast in this form.
    """
    grouped: dict[str, dict[str, Values]] = {}
    alone: list[tuple[str, str, list[int], bytes]] = []
    for name, (datatype, values) in columns.items():
        if np.ndim(values) > 1:
            alone.append((name, datatype, list(np.shape(values)), _raw(datatype, values)))
        else:
            grouped.setdefault(datatype, {})[name] = values
    return packed(
        [
            (datatype, list(named), len(next(iter(named.values()))), _raw(datatype, _joined(datatype, named)))
            for datatype, named in grouped.items()
        ],
        request_id,
        alone,
    )


def packed(
    tensors: Iterable[tuple[str, list[str], int, bytes]],
    request_id: str = "",
    alone: Iterable[tuple[str, str, list[int], bytes]] = (),
) -> tuple[bytes, dict[str, str]]:
    """A request body and its headers of what is packed already: datatype, names of columns, rows, and the bytes.

    Args:
        alone: what is sent by itself: name, datatype, shape with the rows first, and the bytes.
    """
    came, shaped = list(tensors), list(alone)
    told = tuple([(datatype, tuple(names), rows, len(raw)) for datatype, names, rows, raw in came])
    beside = tuple([(name, datatype, tuple(shape), len(raw)) for name, datatype, shape, raw in shaped])
    if request_id:
        head = orjson.dumps({"id": request_id, **_packed_fields(told, beside)})
    else:
        head = _packed_head(told, beside)
    headers = {HEADER_LENGTH: str(len(head)), "content-type": "application/octet-stream"}
    return b"".join([head, *[raw for *_, raw in shaped], *[raw for *_, raw in came]]), headers


Tensors = tuple[tuple[str, tuple[str, ...], int, int], ...]
"""Of each packed tensor its datatype, the names of its columns, its rows, and its bytes."""
Alone = tuple[tuple[str, str, tuple[int, ...], int], ...]
"""Of each tensor that is sent by itself its name, its datatype, its shape, and its bytes."""


@lru_cache(256)
def _packed_head(tensors: Tensors, alone: Alone) -> bytes:
    """Who asks again and again sends the same head."""
    return orjson.dumps(_packed_fields(tensors, alone))


def _packed_fields(tensors: Tensors, alone: Alone) -> dict[str, object]:
    each = [
        *alone,
        *((packing.tensor(kind), kind, (rows, len(names)), size) for kind, names, rows, size in tensors),
    ]
    inputs = [
        {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": size}}
        for name, kind, shape, size in each
    ]
    named = {packing.tensor(datatype): packing.named(list(names)) for datatype, names, _, _ in tensors}
    return {"inputs": inputs, "parameters": {"binary_data_output": True} | named}


def _joined(datatype: str, named: Mapping[str, Values]) -> Values:
    """Columns side by side, row by row."""
    kind = object if datatype == "BYTES" else DTYPES.get(datatype, np.dtype(object))
    return np.stack([np.asarray(values, kind) for values in named.values()], axis=1).reshape(-1)


def decode(body: bytes, header_length: int | None) -> dict[str, Values]:
    """The outputs of an answer by name: of shape (rows,), or (rows, width) where a row has more than one value.

    Raises: ValueError if the body does not hold what its header says.
    """
    header = _head(body[:header_length]) if header_length else orjson.loads(body)
    offset = header_length or len(body)
    outputs: dict[str, Values] = {}
    for output in header["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            outputs[output["name"]] = _rows(np.asarray(output["data"]).reshape(-1), output)
            continue
        outputs[output["name"]] = _rows(_values(output["datatype"], body[offset : offset + size]), output)
        offset += size
    if offset != len(body):
        raise ValueError(f"the body has {len(body)} bytes, its header speaks of {offset}")
    return outputs


@lru_cache(256)
def _head(text: bytes) -> Any:
    """Answers of one model to as many rows have the same head; nobody changes what was read."""
    return orjson.loads(text)


def _rows(values: Values, output: Mapping[str, Any]) -> Values:
    shape = [int(length) for length in output.get("shape", ())]
    return values.reshape(shape) if len(shape) == 2 and shape[1] > 1 else values


def texts(values: Iterable[str]) -> bytes:
    """A tensor of BYTES: each text behind its length."""
    encoded = [text.encode() for text in values]
    return b"".join([part for item in encoded for part in (LENGTH.pack(len(item)), item)])


def _raw(datatype: str, values: Values) -> bytes:
    if datatype == "BYTES":
        return texts(map(str, values))
    if datatype not in DTYPES:
        raise ValueError(f"the datatype {datatype} is not one of {', '.join(DTYPES)}, BYTES")
    return np.ascontiguousarray(values, DTYPES[datatype]).tobytes()


def _values(datatype: str, raw: bytes) -> Values:
    if datatype != "BYTES":
        return np.frombuffer(raw, DTYPES[datatype])
    strings: list[str] = []
    offset = 0
    while offset < len(raw):
        (length,) = LENGTH.unpack_from(raw, offset)
        strings.append(raw[offset + 4 : offset + 4 + length].decode())
        offset += 4 + length
    return np.array(strings, dtype=object)


class Table(Protocol):
    """Columns by name: a mapping, or a pandas DataFrame."""

    def __getitem__(self, name: str, /) -> Any: ...


def columns_from_rows(rows: Table, signature: Signature) -> dict[str, tuple[str, Values]]:
    """Tensors for a table of columns (a mapping or a pandas DataFrame) after a model's *signature*.

    Missing numbers become NaN, missing categories "", missing timestamps the smallest INT64. Times without a zone are
    UTC, as numpy has them.
    Raises: KeyError naming the column that the table lacks.
    """
    return {
        tensor.name: (tensor.datatype, _column(np.asarray(rows[tensor.column]), tensor, signature))
        for tensor in signature.inputs
    }


def _column(values: Values, tensor: Input, signature: Signature) -> Values:
    if tensor.shape is not None:
        return _shaped(values, tensor)
    if tensor.datatype == "BYTES":
        texts = ["" if value is None or value != value else signature.word(str(value)) for value in values]
        return np.array(texts, dtype=object)
    if tensor.kind == "timestamp":
        stamps = values.astype("datetime64[s]")
        return np.where(np.isnat(stamps), np.iinfo(np.int64).min, stamps.astype(np.int64))
    return values.astype(DTYPES[tensor.datatype])


def _shaped(values: Values, tensor: Input) -> Values:
    """Cells of one shape, a missing one as NaN. Raises: ValueError that names the shapes."""
    missing = np.full(tensor.dims, np.nan, np.float32)
    cells = [missing if cell is None else np.asarray(_nested(cell), np.float32) for cell in values]
    wrong = next((cell.shape for cell in cells if list(cell.shape) != tensor.dims), None)
    if wrong is not None:
        raise ValueError(f"a cell of {tensor.column!r} has the shape {list(wrong)}, expected {tensor.dims}")
    return np.stack(cells) if cells else np.empty((0, *tensor.dims), np.float32)


def _nested(cell: Any) -> Any:
    """Arrays of arrays, as pandas reads nested lists, as lists."""
    return [_nested(item) for item in cell] if isinstance(cell, np.ndarray) and cell.dtype == object else cell
