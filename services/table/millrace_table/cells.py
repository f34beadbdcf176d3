"""Columns of Arrow and Parquet as raw columns: one rule for each kind of value that such a file may hold."""

from collections.abc import Callable
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from millrace_table import tensors

FARTHEST = 100_000_000
"""Days from 1970, back and on, that microseconds of 64 bits can count: 273,000 years."""
SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def raw(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Booleans, integers, floats, timestamps, text, or tensors: lists of numbers, all of one shape.

    Decimals without a fraction are integers, other ones floats; durations and times of day are seconds; bytes are
    hexadecimal text; other lists and objects are their JSON; integers beyond 64 bits are text: none meets another.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return raw(column.cast(kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return raw(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    for fits, turn in RULES:
        if fits(kind):
            return turn(column)
    alike = tensors.of_lists(column) if is_nested(kind) else None
    return _each(column, written) if alike is None else alike


def written(value: Any) -> str:
    """A list or an object as JSON."""
    return orjson.dumps(value, default=_json, option=orjson.OPT_NON_STR_KEYS).decode()


def shown(column: pa.ChunkedArray, place: int, longest: int = 60) -> str:
    """A cell as an example quotes it."""
    return repr(text_of(column, place)[:longest])


def text_of(column: pa.ChunkedArray, place: int) -> str:
    """A cell in words; a time of no year from 1 to 9999 as Arrow writes it."""
    try:
        return str(column[place].as_py())
    except (ValueError, OverflowError):
        return str(column.slice(place, 1).cast(pa.string())[0].as_py())


def is_nested(kind: pa.DataType) -> bool:
    """Whether values are lists or objects."""
    return bool(pa.types.is_nested(kind))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _float(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float64())


def _integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string())


def _decimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _integer(column) if column.type.scale <= 0 else column.cast(pa.float64())


def _date(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Midnight; a day of no year from 1 to 9999, as databases write "infinity", stays one."""
    if pa.types.is_date32(column.type):
        first, last = pa.scalar(-FARTHEST, pa.int32()), pa.scalar(FARTHEST, pa.int32())
        days = pc.min_element_wise(pc.max_element_wise(column.cast(pa.int32()), first), last)
        column = days.cast(pa.date32())
    return column.cast(pa.timestamp("us"), safe=False)


def _timestamp(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.timestamp("us", column.type.tz), safe=False)


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    ticks = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).cast(
        pa.float64(), safe=False
    )
    return pc.divide(ticks, float(SECOND[column.type.unit]))


def _hexadecimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _each(column, lambda value: bytes(value).hex())


def _same(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column


def _each(column: pa.ChunkedArray, turn: Callable[[Any], str]) -> pa.ChunkedArray:
    values = [None if value is None else turn(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _json(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return list(value)
    return str(value)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    checks = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary_view,
    )
    return any(check(kind) for check in checks)


RULES: tuple[tuple[Callable[[Any], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray]], ...] = (
    (pa.types.is_boolean, _same),
    (_is_text, _text),
    (pa.types.is_null, _text),
    (pa.types.is_floating, _float),
    (pa.types.is_integer, _integer),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_date, _date),
    (pa.types.is_timestamp, _timestamp),
    (lambda kind: pa.types.is_duration(kind) or pa.types.is_time(kind), _seconds),
    (_is_bytes, _hexadecimal),
)
