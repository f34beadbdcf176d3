"""JSON rows that come over REST as a segment; whatever is wrong is named by its place."""

from collections.abc import Mapping
from datetime import UTC
from math import nan

import pyarrow as pa

from millrace_contracts.logged import LoggedRow
from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.signature import Input, Signature
from millrace_core.errors import BadInput, FieldError
from millrace_monitoring.ingest import predicted, segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.ingest.segments import COLUMNS, TIME, Segment, joined
from millrace_stats.tasks import Refusal
from millrace_table import asked

MEND = "send what the monitor's signature declares"
TYPES = {"FP32": pa.float32(), "FP64": pa.float64(), "INT64": pa.int64(), "BYTES": pa.string()}
FIRST_MISTAKES = 20
PLAIN: Mapping[str, str | int | float] = {
    "listener": "inference",
    "revision": "",
    "key": "",
    "status": 200,
    "duration_ms": nan,
    "fault": "",
}
"""What REST does not tell; the row counts as answered."""
Kept = str | int | float | list[float] | None


def of_rows(project: str, endpoint: str, rows: list[LoggedRow], spec: MonitorWrite) -> Segment:
    """JSON rows; features go by data column or tensor name (BadInput names the first mistakes)."""
    errors: list[FieldError] = []
    inputs, kind = spec.signature.inputs, Answers.of(spec.task, spec.signature)
    columns: dict[str, list[Kept]] = {item.name: [] for item in inputs}
    named = by_name(spec)
    given: list[float | list[float] | None] = []
    for place, row in enumerate(rows):
        values = _values(row, place, named, spec.signature, errors)
        for name, kept in columns.items():
            kept.append(values.get(name))
        given.append(_answer(row, place, kind, errors))
    if errors:
        raise BadInput(f"{len(errors)} values cannot be used; nothing was stored.", errors[:FIRST_MISTAKES])
    data = {
        "request_id": pa.array([row.request_id for row in rows], pa.string()),
        "index": pa.array([row.index for row in rows], pa.int32()),
        "event_time": pa.array([row.event_time.astimezone(UTC) for row in rows], TIME),
        "revision": pa.array([row.revision or "" for row in rows], pa.string()),
    } | predicted.columns(given, kind.width)
    for item in inputs:
        kind = TYPES[item.datatype] if item.shape is None else segments.VECTOR
        data[segments.column(item)] = pa.array(columns[item.name], kind)
    return Segment(project, endpoint, completed(data, len(rows)))


def by_name(spec: MonitorWrite) -> dict[str, Input]:
    """The features by data column and by tensor name."""
    inputs = spec.signature.inputs
    return {item.column: item for item in inputs} | {item.name: item for item in inputs}


def _answer(
    row: LoggedRow, place: int, kind: Answers, errors: list[FieldError]
) -> float | list[float] | None:
    if row.prediction is None:
        return None
    answer = predicted.read(row.prediction, kind)
    if isinstance(answer, Refusal):
        errors.append(FieldError(f"rows[{place}].prediction", answer.words, MEND))
        return None
    return answer


def _values(
    row: LoggedRow, place: int, named: Mapping[str, Input], signature: Signature, errors: list[FieldError]
) -> dict[str, Kept]:
    """Values of one row by tensor name."""
    values: dict[str, Kept] = {}
    for name, value in row.features.items():
        item = named.get(name)
        where = f"rows[{place}].features.{name[:80]}"
        if item is None:
            errors.append(FieldError(where, "is no feature of this endpoint", MEND))
            continue
        kept = asked.value(value, item, signature)
        if isinstance(kept, asked.Wrong):
            errors.append(FieldError(where, kept.words, kept.mend))
        else:
            values[item.name] = kept
    return values


def completed(data: dict[str, pa.Array], rows: int) -> pa.Table:
    """With every column of a segment."""
    for name, value in PLAIN.items():
        given, kind = data.get(name), COLUMNS.field(name).type
        data[name] = pa.array([value] * rows, kind) if given is None else given.fill_null(value)
    data["at"] = data["event_time"]
    if "prediction" not in data:
        data["prediction"] = pa.nulls(rows, pa.float64())
    return joined([pa.table(data)])
