"""Labelled production rows as training data: closed days only, in one fixed order."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.signature import Input
from millrace_monitoring.closing.files import classes_of, parquet, table_of
from millrace_monitoring.closing.rows import MISSING_INTEGER, WEIGHT
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.ingest.segments import TIME
from millrace_table import tensors

TYPES = {"category": pa.string(), "timestamp": pa.timestamp("s", tz="UTC"), "boolean": pa.bool_()}
"""What a feature is in the data, by its kind; every other one is a number."""
NUMBERS = {"FP32": pa.float32(), "FP64": pa.float64()}


def of_days(files: list[bytes], spec: MonitorWrite) -> bytes:
    """Parquet with every feature under its data column's name, the event time, and the target.

    Args:
        files: of closed days, in order; labels are those the day was judged by.
        spec: the monitor's.
    """
    tables = [_day(table_of(data), spec) for data in files]
    return parquet(pa.concat_tables(tables) if tables else _day(None, spec))


def _day(table: pa.Table | None, spec: MonitorWrite) -> pa.Table:
    chosen = None if table is None else table.filter(pc.and_(table["sample"], table["label"].is_valid()))
    data: dict[str, pa.Array] = {}
    if spec.event_time:
        data[spec.event_time] = pa.array([], TIME) if chosen is None else chosen["event_time"]
    for item in spec.signature.inputs:
        if item.column not in data:
            data[item.column] = _column(chosen, item)
    data[spec.target] = _target(chosen, spec)
    if spec.weight:
        data[spec.weight] = _weights(chosen)
    return pa.table(data)


def _weights(table: pa.Table | None) -> pa.Array:
    """How many rows each labelled one speaks for; 1 where each speaks for itself, or nothing is known of others."""
    if table is None or WEIGHT not in table.column_names:
        return pa.array([1.0] * (0 if table is None else len(table)), pa.float64())
    counts = table[WEIGHT].to_numpy(zero_copy_only=False)
    return pa.array(np.where(counts > 0, counts, 1.0), pa.float64())


def _target(table: pa.Table | None, spec: MonitorWrite) -> pa.Array:
    """Labels as the data has them: numbers, or classes in the type that the data gave them."""
    kind = Answers.of(spec.task, spec.signature)
    classes = [*kind.classes] or [kind.task.decode(number, ()) for number in (0.0, 1.0)]
    numbers = [] if table is None else table["label"].to_pylist()
    places = kind.classes if table is None else classes_of(table, kind.classes)
    values = [None if number is None else kind.task.decode(number, places) for number in numbers]
    return pa.array(values, pa.array(classes).type)


def _column(table: pa.Table | None, item: Input) -> pa.Array:
    """One feature as the data has it: nulls where the tensor had its mark for missing."""
    if item.shape is not None:
        cells = None if table is None else segments.cells(table, item)
        if cells is None:
            return pa.nulls(0 if table is None else len(table), tensors.kind(item.shape))
        return tensors.from_numpy(cells, item.shape, np.isnan(cells).reshape(len(cells), -1).all(axis=1))
    kind = TYPES.get(item.kind, NUMBERS.get(item.datatype))
    values = None if table is None else segments.tensor(table, item.datatype, item.name)
    if values is None:
        return pa.nulls(0 if table is None else len(table), kind)
    column = values.combine_chunks()
    if item.kind == "category":
        return pc.if_else(pc.equal(column, ""), None, column)
    if item.kind == "timestamp":
        return pc.if_else(pc.equal(column, MISSING_INTEGER), None, column).cast(kind)
    numbers = column.to_numpy(zero_copy_only=False)
    return pa.array(numbers, mask=np.isnan(numbers)).cast(kind)
