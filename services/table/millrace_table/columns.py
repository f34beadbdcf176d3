"""The six types of a column: found in good data, or demanded by a contract."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnType
from millrace_contracts.tables import Dialect
from millrace_table import cells, hands, numbers, tensors, texts, times
from millrace_table.hands import Hand

ARROW: dict[str, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "timestamp": times.TYPE,
}
"""All but tensors, whose type says their shape."""
assert ARROW.keys() | {"tensor"} == set(get_args(ColumnType))
Mask = npt.NDArray[np.bool_]


def arrow(type: ColumnType, shape: Sequence[int] | None) -> pa.DataType:
    """The type of a column in Arrow; a tensor has a *shape*."""
    return ARROW[type] if shape is None else tensors.kind(shape)


@dataclass(frozen=True)
class Typed:
    """A column in its type; *bad* marks the cells that had a value which is not of the type."""

    values: pa.Array
    bad: Mask
    infinite: int = 0
    """Cells that were infinite, or too large for a model: they count as missing."""
    zones: times.Zones = field(default_factory=times.Zones)
    """How its times are written: an example with an offset, and one without."""
    leans: bool = False
    """Whether what a cell means was told by others beside it: a piece of a column is to be read by its `hand`."""


def infer(column: pa.ChunkedArray, dialect: Dialect | None = None) -> ColumnType:
    """The narrowest type that fits every value; numbers for a column without any."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if tensors.shape_of(kind) is not None:
        return "tensor"
    return _infer_text(texts.distinct(column, dialect), dialect)


def _infer_text(distinct: pa.Array, dialect: Dialect | None) -> ColumnType:
    valued = texts.valued(distinct)
    if not len(valued):
        return "string" if len(distinct) else "number"
    if texts.all_match(valued, texts.BOOLEAN):
        return "boolean"
    if texts.all_match(valued, texts.INTEGER):
        return "string" if texts.are_codes(valued) else "integer"
    if texts.all_numbers(valued, dialect):
        return "number"
    return "timestamp" if times.looks_like_time(valued, dialect) else "string"


def convert(
    column: pa.ChunkedArray,
    type: ColumnType,
    timezone: str,
    name: str,
    dialect: Dialect | None = None,
    hand: Hand | None = None,
    shape: Sequence[int] | None = None,
) -> Typed:
    """The column as *type*; what does not fit becomes null and is marked.

    Args:
        shape: of each cell of a tensor.
        hand: how the column is written whose piece this is; None: this is the whole column, or it is plain.
    Raises: Unreadable where some times have an offset and others none.
    """
    if type == "tensor":
        assert shape is not None, "a tensor has a shape"
        return Typed(*tensors.convert(column, shape))
    if tensors.shape_of(column.type) is not None:
        column = tensors.texts(column, cells.written)
    raw, infinite = _prepared(column, type, dialect)
    present = np.asarray(pc.is_valid(raw))
    if pa.types.is_string(raw.type):
        values, zones, leans = _from_text(raw, type, timezone, name, dialect, hand)
    else:
        values, zones, leans = _from_values(raw, type, timezone), times.Zones(), False
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return Typed(values, present & ~np.asarray(pc.is_valid(values)), infinite, zones, leans)


def hand(pieces: Iterable[pa.ChunkedArray], type: ColumnType, dialect: Dialect | None) -> Hand:
    """How the column is written that these are the *pieces* of, each a column of text."""
    return hands.of((_prepared(piece, type, dialect)[0] for piece in pieces), dialect)


def _prepared(
    column: pa.ChunkedArray, type: ColumnType, dialect: Dialect | None
) -> tuple[pa.ChunkedArray, int]:
    """The cells that say something: trimmed, without missing marks and infinite numbers; and how many of these."""
    raw = texts.trimmed(column) if pa.types.is_string(column.type) else column
    if pa.types.is_string(raw.type):
        raw = texts.without_marks(raw, type == "string", dialect)
    if pa.types.is_floating(raw.type):
        raw = pc.if_else(pc.is_nan(raw), None, raw)
    endless = _endless(raw, type)
    count = 0 if endless is None else int(pc.sum(endless).as_py() or 0)
    return (raw if not count else pc.if_else(endless, None, raw)), count


def _endless(raw: pa.ChunkedArray, type: ColumnType) -> pa.ChunkedArray | None:
    """Which cells of a column of numbers are infinite, or beyond what a model can be asked about; None for none."""
    if type not in ("number", "integer"):
        return None
    if pa.types.is_floating(raw.type):
        return pc.fill_null(pc.greater(pc.abs(raw), numbers.LARGEST), False)
    if pa.types.is_string(raw.type):
        return texts.endless(raw)
    return None


def _from_text(
    raw: pa.ChunkedArray,
    type: ColumnType,
    timezone: str,
    name: str,
    dialect: Dialect | None,
    hand: Hand | None,
) -> tuple[pa.ChunkedArray, times.Zones, bool]:
    """Values, how times are written, and whether what they mean was told by the cells together."""
    if type == "timestamp":
        values, zones = times.from_text(raw, timezone, name, dialect, hand)
        return values, zones, hands.shows_days(raw, dialect)
    if type in ("string", "boolean"):
        return (raw if type == "string" else texts.booleans(raw)), times.Zones(), False
    plain = texts.plain_integers(raw) if type == "integer" else None
    if type == "number" and hand is None and (dialect is None or dialect.decimal != ","):
        plain = texts.plain_floats(raw)
    if plain is not None:
        return plain, times.Zones(), False
    style = hands.of([raw], dialect).style if hand is None else hand.style
    read = texts.integers if type == "integer" else texts.floats
    return read(raw, style), times.Zones(), True


def _from_values(raw: pa.ChunkedArray, type: ColumnType, timezone: str) -> pa.Array:
    kind = raw.type
    if type == "timestamp":
        return _instants(raw, timezone)
    if pa.types.is_timestamp(kind):
        return texts.of_times(raw) if type == "string" else pa.nulls(len(raw), ARROW[type])
    if type == "string":
        return texts.of_numbers(raw)
    if type == "boolean" and not pa.types.is_boolean(kind):
        return pc.if_else(pc.equal(raw, 1), True, pc.if_else(pc.equal(raw, 0), False, None))
    if pa.types.is_floating(kind):
        return texts.whole(raw) if type == "integer" else pc.add(raw, 0.0)  # -0 is 0
    return raw.cast(ARROW[type], safe=type != "number")


def _in_calendar(instants: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Null for those of no year from 1 to 9999, as databases write "infinity"."""
    first, last = pa.scalar(times.FIRST, times.TYPE), pa.scalar(times.LAST, times.TYPE)
    known = pc.and_(pc.greater_equal(instants, first), pc.less_equal(instants, last))
    return pc.if_else(known, instants, None)


def _instants(raw: pa.ChunkedArray, timezone: str) -> pa.Array:
    """Instants of timestamps (naive ones are clock times) or of numbers of seconds, … nanoseconds since 1970."""
    kind = raw.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _in_calendar(raw.cast(times.TYPE))
    if pa.types.is_timestamp(kind):
        local = raw.combine_chunks().cast(pa.int64())
        clock = np.asarray(local.fill_null(0), np.int64)
        known = (clock >= times.FIRST) & (clock <= times.LAST)
        utc = times.localize(np.where(known, clock, 0), timezone)
        none = np.asarray(local.is_null()) | ~known
        return _in_calendar(pa.array(utc, pa.int64(), mask=none).cast(times.TYPE))
    if pa.types.is_boolean(kind):
        return pa.nulls(len(raw), times.TYPE)
    single = raw.combine_chunks()
    micros = times.from_numbers(np.asarray(single.fill_null(0)))
    none = np.asarray(single.is_null()) | (micros == np.iinfo(np.int64).min)
    return pa.array(micros, pa.int64(), mask=none).cast(times.TYPE)
