"""Rows that come over REST as an Arrow IPC stream, as a segment; a column that is wrong is named."""

import io
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput, FieldError
from millrace_monitoring.ingest import predicted, segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.ingest.backfill import MEND, TYPES, by_name, completed
from millrace_monitoring.ingest.records import FIRST, LAST, SAFE
from millrace_monitoring.ingest.segments import COLUMNS, TIME, Segment
from millrace_stats.tasks import Refusal
from millrace_table import cells, tensors

ROWS = 500_000
TOLD = ("request_id", "index", "event_time", "prediction", "revision", "key")
"""Columns that are no features; `probabilities` is one more where answers are vectors."""


def of_stream(project: str, endpoint: str, body: bytes, spec: MonitorWrite) -> Segment:
    """An Arrow IPC stream with the columns request_id, index, event_time, optional prediction (or probabilities),
    revision, key, and the features by data column or tensor name (BadInput)."""
    table, width = _table(body), Answers.of(spec.task, spec.signature).width
    told = TOLD if width == 1 else (*set(TOLD) - {"prediction"}, segments.VECTORS)
    names = [name for name in table.column_names if name in told and name != segments.VECTORS]
    data = {name: _cast(table, name, COLUMNS.field(name).type) for name in names}
    _check(data)
    if segments.VECTORS in told and segments.VECTORS in table.column_names:
        data |= _vectors(table, width)
    named = by_name(spec)
    for name in set(table.column_names) - set(told):
        if name not in named:
            wrong = FieldError(name[:80], "is no feature of this endpoint", MEND)
            raise BadInput("A column is unknown.", [wrong])
        item = named[name]
        if item.shape is not None:
            data[segments.column(item)] = _cells(table, name, item.shape)
            continue
        column = _cast(table, name, TYPES[item.datatype])
        if item.datatype == "BYTES":
            column = _words(column, spec.signature)
        data[segments.column(item)] = column
    return Segment(project, endpoint, completed(data, len(table)))


def _table(body: bytes) -> pa.Table:
    try:
        table = pa.ipc.open_stream(io.BytesIO(body)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput("The body is no Arrow IPC stream.") from error
    if len(table) > ROWS or len(set(table.column_names)) < len(table.column_names):
        raise BadInput(f"The table has more than {ROWS} rows, or two columns of one name.")
    return table


def _vectors(table: pa.Table, width: int) -> dict[str, pa.Array]:
    column = _cast(table, segments.VECTORS, pa.list_(pa.float64()))
    columns = predicted.of_stream(column, width)
    if isinstance(columns, Refusal):
        raise BadInput("A column is wrong.", [FieldError(segments.VECTORS, columns.words, MEND)])
    return columns


def _cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    column = table[name]
    try:
        if pa.types.is_timestamp(column.type) and pa.types.is_integer(kind):
            column = column.cast(pa.timestamp("s", tz="UTC"), safe=False)
        if kind == TIME and not (pa.types.is_timestamp(column.type) and column.type.tz):
            raise BadInput(
                "A column is wrong.", [FieldError(name, "has no time zone", "send timestamps with one")]
            )
        return column.combine_chunks().cast(kind, safe=not pa.types.is_floating(kind))
    except pa.ArrowException as error:
        raise BadInput("A column is wrong.", [FieldError(name[:80], f"is not {kind}", MEND)]) from error


def _cells(table: pa.Table, name: str, shape: Sequence[int]) -> pa.Array:
    """Tensors as lists of their numbers, null where there is none."""
    raw = cells.raw(table[name])
    values, bad = tensors.convert(raw, shape)
    if bad.any():
        told = tensors.told(raw, bad, shape)
        words = f"is no tensor of the shape {list(shape)}: {told[0]}"
        raise BadInput("A column is wrong.", [FieldError(name[:80], words, MEND)])
    width = math.prod(shape)
    flat = tensors.to_numpy(values).reshape(-1)
    ends = pa.array(np.arange(0, len(flat) + 1, width, dtype=np.int32))
    return pa.ListArray.from_arrays(ends, pa.array(flat), mask=values.is_null())


def _words(column: pa.Array, signature: Signature) -> pa.Array:
    """Categories as the model knows them: without white space around them, null where they say that there is none."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(trimmed, pa.array(["", *(signature.missing or [])])), None, trimmed)


def _check(data: dict[str, pa.Array]) -> None:
    """The columns that every row needs."""
    for name in ("request_id", "index", "event_time"):
        if name not in data or data[name].null_count:
            raise BadInput(
                "A column is missing.", [FieldError(name, "is missing or has nulls", "send it for every row")]
            )
    if not all(SAFE.match(text) for text in data["request_id"].to_pylist()):
        raise BadInput(
            "A request id is not valid.", [FieldError("request_id", "is empty or has signs", "send text")]
        )
    if len(data["index"]) and pc.min(data["index"]).as_py() < 0:
        raise BadInput("An index is negative.", [FieldError("index", "is negative", "count from 0")])
    times, first, last = data["event_time"], pa.scalar(FIRST, TIME), pa.scalar(LAST, TIME)
    if pc.any(pc.or_(pc.less(times, first), pc.greater_equal(times, last))).as_py():
        raise BadInput("An event time is out of range.", [FieldError("event_time", "is not in 1970 to 2199")])
