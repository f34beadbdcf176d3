"""Columns of tensors: cells that are lists of numbers, all of one shape, like images and windows of a sensor."""

import hashlib
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.shapes import MOST_AXES, MOST_VALUES
from millrace_table import asked

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
SHOWN = 5
"""Shapes that are told of cells that have another one."""


def kind(shape: Sequence[int], number: pa.DataType | None = None) -> pa.DataType:
    """The type of a column whose cells have this *shape*, of numbers of 32 bits where nothing else is said."""
    made: pa.DataType = number or pa.float32()
    for length in reversed(shape):
        made = pa.list_(made, length)
    return made


def shape_of(kind: pa.DataType) -> list[int] | None:
    """The shape of the cells of a column of this type; None for one of another sort."""
    shape = []
    while pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    return shape if shape and _is_number(kind) else None


def of_lists(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column of lists with numbers as cells of one shape, numbers as they came; None where there is no such shape."""
    shape = _common(column)
    if shape is None:
        return None
    wanted = _innermost(column.type)
    for length in reversed(shape):
        wanted = pa.list_(wanted, length)
    return column.cast(wanted)


def of_cell(value: list[Any]) -> list[int] | None:
    """The shape of nested lists of numbers; None for what is none, or larger than a tensor may be."""
    shape = asked.shape_of(value)
    if not shape or not _is_shape(shape):
        return None
    return shape if isinstance(asked.tensor(value, shape), list) else None


def _innermost(kind: pa.DataType) -> pa.DataType:
    while _is_list(kind):
        kind = kind.value_type
    return kind


def _common(column: pa.ChunkedArray) -> list[int] | None:
    if not _is_number(_innermost(column.type)) or not _is_list(column.type):
        return None
    level, shape = column.drop_null().combine_chunks(), list[int]()
    if isinstance(level, pa.ChunkedArray):
        level = pa.concat_arrays(level.chunks) if level.num_chunks else pa.array([], column.type)
    while _is_list(level.type):
        lengths = pc.unique(pc.list_value_length(level))
        if len(lengths) != 1 or not lengths[0].as_py():
            return None
        shape.append(lengths[0].as_py())
        level = pc.list_flatten(level)
    return shape if _is_shape(shape) else None


def _is_shape(shape: Sequence[int]) -> bool:
    return len(shape) <= MOST_AXES and 1 < prod(shape) <= MOST_VALUES


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def convert(raw: pa.ChunkedArray, shape: Sequence[int]) -> tuple[pa.Array, Mask]:
    """The cells as tensors of this *shape*, and which of them have a value that is none.

    A text is read as the JSON of nested lists. What is infinite inside a cell becomes NaN, which models fill.
    """
    given = shape_of(raw.type)
    if given == list(shape):
        return from_numpy(to_numpy(raw), shape, np.asarray(raw.is_null())), np.zeros(len(raw), bool)
    missing = np.asarray(raw.is_null())
    values, bad = np.full((len(raw), prod(shape)), np.nan, np.float32), ~missing
    if pa.types.is_string(raw.type):
        for place, text in enumerate(raw.to_pylist()):
            cell = None if text is None else asked.tensor(parsed(text), shape)
            if isinstance(cell, list):
                values[place], bad[place] = cell, False
    return from_numpy(values.reshape(len(raw), *shape), shape, missing | bad), bad


def parsed(text: str) -> Any:
    """What the JSON of a cell says; None if it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def told(raw: pa.ChunkedArray, bad: Mask, shape: Sequence[int], first: int = 0) -> list[str]:
    """What is wrong with the first cells that are no tensors of this *shape*, behind so many rows: their own shape."""
    given = shape_of(raw.type)
    lines = []
    for place in np.flatnonzero(bad)[:SHOWN]:
        cell = raw[int(place)].as_py()
        wrong = asked.tensor(parsed(cell) if isinstance(cell, str) else cell, shape)
        words = wrong.words if isinstance(wrong, asked.Wrong) else f"has the shape {given}"
        lines.append(f"row {first + int(place) + 1} {words}")
    return lines


def to_numpy(column: pa.ChunkedArray | pa.Array) -> Floats:
    """float32 (rows, *shape); a cell without a value is NaN throughout, and so is what is infinite."""
    shape = shape_of(column.type)
    assert shape is not None, "a column of tensors"
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [_part(chunk, shape) for chunk in chunks]
    made = np.concatenate(parts) if parts else np.empty((0, *shape), np.float32)
    made[~np.isfinite(made)] = np.nan
    return made + np.float32(0)  # -0 is 0


def _part(chunk: pa.Array, shape: Sequence[int]) -> Floats:
    flat, first, count = chunk, 0, len(chunk)
    for length in shape:
        first, count = (first + flat.offset) * length, count * length
        flat = flat.values
    with np.errstate(over="ignore"):
        numbers = np.asarray(flat.slice(first, count).to_numpy(zero_copy_only=False)).astype(np.float32)
    made = np.array(numbers.reshape(len(chunk), *shape))
    made[np.asarray(chunk.is_null())] = np.nan
    return made


def from_numpy(values: Floats, shape: Sequence[int], missing: Mask | None = None) -> pa.Array:
    """A column of float32 (rows, *shape)."""
    made: pa.Array = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    for place, length in enumerate(reversed(shape)):
        outermost = place == len(shape) - 1 and missing is not None and missing.any()
        mask = pa.array(missing) if outermost else None
        made = pa.FixedSizeListArray.from_arrays(made, length, mask=mask)
    return made


def texts(column: pa.ChunkedArray, written: Callable[[Any], str]) -> pa.ChunkedArray:
    """The cells as their JSON, for a column that is promised to be text."""
    values = [None if cell is None else written(cell) for cell in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def digests(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """A number for the numbers of each cell, (rows,)."""
    rows = to_numpy(column).reshape(len(column), -1)
    each = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(each), np.dtype("<u8"))


def plain(table: pa.Table) -> pa.Table:
    """The table with each column of tensors as a number for each different cell, so that rows can be told apart."""
    for place, field in enumerate(table.schema):
        if shape_of(field.type) is not None:
            column = table.column(place)
            numbers = pa.array(digests(column), mask=np.asarray(column.is_null()))
            table = table.set_column(place, field.name, numbers)
    return table
