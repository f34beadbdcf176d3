"""The five types of a column: found in good data, or demanded by a contract."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnType
from millrace_table import times

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
INTEGER = r"^[+-]?\d{1,18}$"
PADDED = r"^[+-]?0\d"
BOOLEAN = r"^(?i:true|false)$"
ARROW: dict[str, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "timestamp": times.TYPE,
}
assert ARROW.keys() == set(get_args(ColumnType))
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Typed:
    """A column in its type; *bad* marks the cells that had a value which is not of the type."""

    values: pa.Array
    bad: Mask


def infer(column: pa.ChunkedArray) -> ColumnType:
    """The narrowest type that fits every value; text for a column without any."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return _infer_text(pc.unique(_trimmed(column)).drop_null())


def _infer_text(texts: pa.Array) -> ColumnType:
    if not len(texts):
        return "string"
    if _all(texts, BOOLEAN):
        return "boolean"
    if pc.any(pc.match_substring_regex(texts, PADDED)).as_py() and _all(texts, INTEGER):
        return "string"
    if _all(texts, INTEGER):
        return "integer"
    if _all(texts, NUMBER):
        return "number"
    return "timestamp" if times.looks_like_time(texts) else "string"


def convert(column: pa.ChunkedArray, type: ColumnType, timezone: str, name: str) -> Typed:
    """The column as *type*; what does not fit becomes null and is marked.

    Raises: Unreadable for times in mixed zones.
    """
    raw = _trimmed(column) if pa.types.is_string(column.type) else column
    if pa.types.is_floating(raw.type):
        raw = pc.if_else(pc.is_nan(raw), None, raw)
    present = np.asarray(pc.is_valid(raw))
    values = (
        _from_text(raw, type, timezone, name)
        if pa.types.is_string(raw.type)
        else _from_values(raw, type, timezone)
    )
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return Typed(values, present & ~np.asarray(pc.is_valid(values)))


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _from_text(raw: pa.ChunkedArray, type: ColumnType, timezone: str, name: str) -> pa.Array:
    if type == "string":
        return raw
    if type == "timestamp":
        return times.from_text(raw, timezone, name)
    if type == "boolean":
        lower = pc.utf8_lower(raw)
        yes, no = pc.is_in(lower, pa.array(["true", "1"])), pc.is_in(lower, pa.array(["false", "0"]))
        return pc.if_else(yes, True, pc.if_else(no, False, None))
    numbers = _numbers(raw)
    return _whole(numbers) if type == "integer" and not _all(raw, INTEGER) else numbers.cast(ARROW[type])


def _numbers(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats of the texts that are numbers, or integers if all of them are."""
    if _all(raw, INTEGER):
        return pc.replace_substring_regex(raw, r"^\+", "").cast(pa.int64())
    written = pc.if_else(pc.match_substring_regex(raw, NUMBER), raw, None)
    numbers = pc.replace_substring_regex(written, r"^\+", "").cast(pa.float64())
    return pc.if_else(pc.is_finite(numbers), numbers, None)


def _whole(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Integers of the numbers that are whole, null for the others."""
    fits = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), 2.0**53))
    return pc.if_else(fits, numbers, None).cast(pa.int64())


def _from_values(raw: pa.ChunkedArray, type: ColumnType, timezone: str) -> pa.Array:
    kind = raw.type
    if type == "timestamp":
        return _instants(raw, timezone)
    if pa.types.is_timestamp(kind):
        return raw.cast(pa.string()) if type == "string" else pa.nulls(len(raw), ARROW[type])
    if type == "string":
        return raw.cast(pa.string())
    if type == "boolean" and not pa.types.is_boolean(kind):
        return pc.if_else(pc.equal(raw, 1), True, pc.if_else(pc.equal(raw, 0), False, None))
    if pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(raw), raw, None)
        return _whole(finite) if type == "integer" else finite
    return raw.cast(ARROW[type])


def _instants(raw: pa.ChunkedArray, timezone: str) -> pa.Array:
    """Instants of timestamps (naive ones are clock times) or of whole seconds since 1970."""
    kind = raw.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return raw.cast(times.TYPE)
    if pa.types.is_timestamp(kind):
        local = raw.combine_chunks().cast(pa.int64())
        utc = times.localize(np.asarray(local.fill_null(0), np.int64), timezone)
        return pa.array(utc, pa.int64(), mask=np.asarray(local.is_null())).cast(times.TYPE)
    if pa.types.is_boolean(kind):
        return pa.nulls(len(raw), times.TYPE)
    seconds = raw if pa.types.is_integer(kind) else _whole(pc.if_else(pc.is_finite(raw), raw, None))
    sane = pc.if_else(pc.less(pc.abs(seconds), 7_258_118_400), seconds, None)
    return pc.multiply(sane, 1_000_000).cast(times.TYPE)


def _all(texts: pa.Array | pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py())
