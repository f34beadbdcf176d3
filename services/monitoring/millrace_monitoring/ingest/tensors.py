"""The values of one tensor as they are kept, whichever way they came: inside the JSON, or as bytes behind it.

Numbers become the bytes of little-endian float32, float64 or int64, so that the columns of a thousand requests are
joined without a look at any value; texts become a list of str.
"""

import struct
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

WIDTHS = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
DTYPES = {name: np.dtype(width) for name, width in WIDTHS.items()}
KINDS = {name: "integer" if name.endswith("INT64") else "number" for name in WIDTHS}
KINDS |= {"FP64": "exact", "BYTES": "text"}
KEPT: dict[str, np.dtype[Any]] = {
    "integer": np.dtype("<i8"),
    "number": np.dtype("<f4"),
    "exact": np.dtype("<f8"),
    "tensor": np.dtype("<f4"),
}
AS_SENT = frozenset({"FP32", "FP64", "INT64"})
"""Datatypes whose bytes are kept as they came."""
CODES = {"FP32": "f", "FP64": "d", "INT64": "q"}
"""Datatypes of which `array` reads JSON numbers as numpy does, in a tenth of the time for a single one."""
LENGTH = struct.Struct("<I")
Values = bytes | list[str]


class Row(Sequence[bytes]):
    """The values of one row of columns that lie side by side, each cut when one looks at it.

    Args:
        raw: the whole row.
        places: for each column where it lies in the row.
        size: bytes of each value.
    """

    __slots__ = ("places", "raw", "size")

    def __init__(self, raw: bytes, places: tuple[int, ...], size: int) -> None:
        self.raw, self.places, self.size = raw, places, size

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        begin = self.places[index] * self.size
        return self.raw[begin : begin + self.size]


def stacked(rows: Sequence[Sequence[Values]], kind: str) -> list[np.ndarray] | None:
    """The values of each column in many *rows*, cut together; None where they do not all lie in one way."""
    first = rows[0]
    if not isinstance(first, Row):
        return None
    raw = [row.raw for row in rows if isinstance(row, Row) and row.places is first.places]
    if len(raw) < len(rows):
        return None
    columns = np.ascontiguousarray(numbers(kind, b"".join(raw)).reshape(len(rows), -1).T)
    return [columns[place] for place in first.places]


class Undecodable(ValueError):
    """The body is not what the protocol says."""


def of_json(datatype: str, data: Any, rows: int, width: int = 1) -> Values:
    """The values of *data*, a list of scalars or of lists of *width* scalars.

    Raises: Undecodable; KeyError, TypeError, ValueError or OverflowError for what no tensor holds.
    """
    if width > 1:
        data, rows = _flat(data, width), rows * width
    if datatype in CODES and isinstance(data, list) and len(data) == rows:
        try:
            return array(CODES[datatype], data).tobytes()
        except (TypeError, OverflowError):
            pass  # lists of one; or what numpy also takes for a number: null, a text
    if isinstance(data, list) and data and isinstance(data[0], list):
        data = [item for row in data for item in row]
    if datatype == "BYTES":
        return _checked(data, rows)
    with np.errstate(over="ignore", invalid="ignore"):
        return _kept(datatype, np.array(data, DTYPES[datatype]), rows)


def of_cells(datatype: str, data: Any, count: int) -> Values:
    """The *count* numbers of cells with a shape, as nested as whoever sent them wrote them. Raises like `of_json`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _kept(datatype, np.array(data, DTYPES[datatype]).reshape(-1), count)


def of_bytes(datatype: str, raw: bytes, count: int) -> Values:
    """The *count* values of a binary tensor. Raises like `of_json`, and struct.error."""
    if datatype == "BYTES":
        return _checked(_texts(raw), count)
    return _kept(datatype, np.frombuffer(raw, DTYPES[datatype]), count)


def unpacked(datatype: str, raw: bytes, rows: int, count: int) -> list[Values]:
    """The values of each of *count* columns that lie side by side in a binary tensor. Raises like `of_bytes`."""
    if rows == 1 and datatype in AS_SENT:
        size = len(raw) // count
        return [raw[place : place + size] for place in range(0, len(raw), size)]
    return split(datatype, of_bytes(datatype, raw, rows * count), rows, count)


def split(datatype: str, values: Values, rows: int, count: int) -> list[Values]:
    """The kept *values* of *rows* one behind the other, as one piece for each of *count* columns."""
    if isinstance(values, list):
        return [values[place::count] for place in range(count)]
    table = numbers(KINDS[datatype], values).reshape(rows, count)
    return [column.tobytes() for column in np.ascontiguousarray(table.T)]


def numbers(kind: str, values: bytes) -> np.ndarray:
    """Kept *values* of the kind `integer`, `number` or `exact` as an array of shape (count,)."""
    return np.frombuffer(values, KEPT[kind])


def _flat(data: Any, width: int) -> Any:
    """Rows one behind the other; what is flat already stays as it is."""
    if not (isinstance(data, list) and data and isinstance(data[0], list)):
        return data
    if any(len(row) != width for row in data):
        raise Undecodable(f"a row of a vector has no {width} values")
    flat = list(chain.from_iterable(data))
    if isinstance(flat[0], list):
        raise Undecodable("a vector is deeper than its shape says")
    return flat


def _kept(datatype: str, values: np.ndarray, count: int) -> bytes:
    if values.shape != (count,):
        raise Undecodable(f"a tensor has {values.shape} values, its shape says {count}")
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(KEPT[KINDS[datatype]]).tobytes()


def _checked(texts: Any, rows: int) -> list[str]:
    if not isinstance(texts, list) or len(texts) != rows:
        raise Undecodable(f"a text tensor is no list of {rows}")
    "".join(texts).encode()  # raises for what is no str, and for half a character, which Arrow would refuse
    return texts


def _texts(raw: bytes) -> list[str]:
    texts, offset = [], 0
    while offset < len(raw):
        (length,) = LENGTH.unpack_from(raw, offset)
        offset += 4 + length
        if offset > len(raw):
            raise Undecodable("a text is longer than its tensor")
        texts.append(raw[offset - length : offset].decode(errors="replace"))
    return texts
