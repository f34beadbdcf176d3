"""Rows that come over REST, JSON or an Arrow IPC stream, as a segment; whatever is wrong is named by its place."""

import io
from datetime import UTC
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace_core.errors import BadInput, FieldError
from millrace_monitoring.ingest.records import FIRST, LAST, SAFE
from millrace_monitoring.ingest.schemas import RowWrite
from millrace_monitoring.ingest.segments import COLUMNS, TIME, Segment, joined

MEND = "send what the monitor's signature declares"
ROWS = 500_000
PREFIX = {"FP32": "number", "INT64": "integer", "BYTES": "text"}
TYPES = {"FP32": pa.float32(), "INT64": pa.int64(), "BYTES": pa.string()}
KNOWN = ("request_id", "index", "event_time", "prediction", "revision", "key")


def of_rows(project: str, endpoint: str, rows: list[RowWrite], inputs: list[dict[str, Any]]) -> Segment:
    """JSON rows; features go by data column or tensor name (BadInput names the first mistakes)."""
    errors: list[FieldError] = []
    columns: dict[str, list[Any]] = {item["name"]: [] for item in inputs}
    by_name = {item["column"]: item for item in inputs} | {item["name"]: item for item in inputs}
    for place, row in enumerate(rows):
        values = _values(row, place, by_name, errors)
        for name, kept in columns.items():
            kept.append(values.get(name))
    if errors:
        raise BadInput(f"{len(errors)} values cannot be used; nothing was stored.", errors[:20])
    data = {
        "request_id": pa.array([row.request_id for row in rows], pa.string()),
        "index": pa.array([row.index for row in rows], pa.int32()),
        "event_time": pa.array([row.event_time.astimezone(UTC) for row in rows], TIME),
        "prediction": pa.array([row.prediction for row in rows], pa.float64()),
        "revision": pa.array([row.revision or "" for row in rows], pa.string()),
    }
    for item in inputs:
        column = pa.array(columns[item["name"]], TYPES[item["datatype"]])
        data[f"{PREFIX[item['datatype']]}:{item['name']}"] = column
    return Segment(project, endpoint, _completed(data, len(rows)))


def _values(
    row: RowWrite, place: int, by_name: dict[str, dict[str, Any]], errors: list[FieldError]
) -> dict[str, Any]:
    """Values of one row by tensor name."""
    found = {}
    for name, value in row.features.items():
        item = by_name.get(name)
        where = f"rows[{place}].features.{name[:80]}"
        if item is None:
            errors.append(FieldError(where, "is no feature of this endpoint", MEND))
            continue
        made = _value(value, item)
        if made is NotImplemented:
            errors.append(FieldError(where, f"is no {item['kind']}", MEND))
        else:
            found[item["name"]] = made
    return found


def _value(value: Any, item: dict[str, Any]) -> Any:
    """One value as its tensor holds it, null for missing; NotImplemented when it is of another kind."""
    if value is None:
        return None
    if item["datatype"] == "BYTES":
        return value if isinstance(value, str) else NotImplemented
    if isinstance(value, str) or (isinstance(value, bool) and item["kind"] != "boolean"):
        return NotImplemented
    if item["datatype"] == "INT64":
        return int(value) if float(value).is_integer() and abs(value) < 2**63 else NotImplemented
    return float(value) if abs(value) < 3.4e38 else NotImplemented


def of_stream(project: str, endpoint: str, body: bytes, inputs: list[dict[str, Any]]) -> Segment:
    """An Arrow IPC stream with the columns request_id, index, event_time, optional prediction, revision, key,
    and the features by data column or tensor name (BadInput)."""
    try:
        table = pa.ipc.open_stream(io.BytesIO(body)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput("The body is no Arrow IPC stream.") from error
    if len(table) > ROWS or len(set(table.column_names)) < len(table.column_names):
        raise BadInput(f"The table has more than {ROWS} rows, or two columns of one name.")
    data = {
        name: _cast(table, name, COLUMNS.field(name).type) for name in KNOWN if name in table.column_names
    }
    _check(data)
    by_name = {item["column"]: item for item in inputs} | {item["name"]: item for item in inputs}
    for name in set(table.column_names) - set(KNOWN):
        if name not in by_name:
            raise BadInput(
                "A column is unknown.", [FieldError(name[:80], "is no feature of this endpoint", MEND)]
            )
        item = by_name[name]
        data[f"{PREFIX[item['datatype']]}:{item['name']}"] = _cast(table, name, TYPES[item["datatype"]])
    return Segment(project, endpoint, _completed(data, len(table)))


def _cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    column = table[name]
    try:
        if pa.types.is_timestamp(column.type) and pa.types.is_integer(kind):
            column = column.cast(pa.timestamp("s", tz="UTC"), safe=False)
        if kind == TIME and not (pa.types.is_timestamp(column.type) and column.type.tz):
            raise BadInput(
                "A column is wrong.", [FieldError(name, "has no time zone", "send timestamps with one")]
            )
        return column.combine_chunks().cast(kind, safe=not pa.types.is_float32(kind))
    except pa.ArrowException as error:
        raise BadInput("A column is wrong.", [FieldError(name[:80], f"is not {kind}", MEND)]) from error


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
    times = pc.min_max(data["event_time"])
    if len(data["event_time"]) and not (times["min"].as_py() >= FIRST and times["max"].as_py() < LAST):
        raise BadInput("An event time is out of range.", [FieldError("event_time", "is not in 1970 to 2199")])


def _completed(data: dict[str, pa.Array], rows: int) -> pa.Table:
    """With every column of a segment: what REST does not tell is empty, and the row counts as answered."""
    plain = {
        "listener": "inference",
        "revision": "",
        "key": "",
        "status": 200,
        "duration_ms": 0.0,
        "fault": "",
    }
    for name, value in plain.items():
        given = data.get(name)
        kind = COLUMNS.field(name).type
        data[name] = pa.array([value] * rows, kind) if given is None else given.fill_null(value)
    data["at"] = data["event_time"]
    if "prediction" not in data:
        data["prediction"] = pa.nulls(rows, pa.float64())
    return joined([pa.table(data)])
