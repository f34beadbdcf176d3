"""Labelled production rows as training data: closed days only, in one fixed order."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_monitoring.closing.controller import parquet
from millrace_monitoring.closing.preparing import table_of
from millrace_monitoring.closing.rows import MISSING_INTEGER, PREFIX
from millrace_monitoring.ingest.segments import TIME
from millrace_monitoring.labels.values import original


def of_days(files: list[bytes], spec: dict[str, Any]) -> bytes:
    """Parquet with every feature under its data column's name, the event time, and the target.

    Args:
        files: of closed days, in order; labels are those the day was judged by.
        spec: the monitor's.
    """
    tables = [_day(table_of(data), spec) for data in files]
    return parquet(pa.concat_tables(tables) if tables else _day(None, spec))


def _day(table: pa.Table | None, spec: dict[str, Any]) -> pa.Table:
    chosen = None if table is None else table.filter(pc.and_(table["sample"], table["label"].is_valid()))
    data: dict[str, pa.Array] = {}
    if spec.get("event_time"):
        data[spec["event_time"]] = pa.array([], TIME) if chosen is None else chosen["event_time"]
    for item in spec["signature"]["inputs"]:
        if item["column"] not in data:
            data[item["column"]] = _column(chosen, item)
    labels = [] if chosen is None else chosen["label"].to_pylist()
    data[spec["target"]] = pa.array(original(labels, spec), _target_type(spec))
    return pa.table(data)


def _target_type(spec: dict[str, Any]) -> pa.DataType:
    if spec["task"] == "regression":
        return pa.float64()
    return pa.array(spec["signature"].get("classes") or [0, 1]).type


def _column(table: pa.Table | None, item: dict[str, Any]) -> pa.Array:
    """One feature as the data has it: nulls where the tensor had its mark for missing."""
    name, kind = f"{PREFIX[item['datatype']]}:{item['name']}", item["kind"]
    made = {"category": pa.string(), "timestamp": pa.timestamp("s", tz="UTC"), "boolean": pa.bool_()}
    goal = made.get(kind, pa.float32())
    if table is None or name not in table.column_names:
        return pa.nulls(0 if table is None else len(table), goal)
    column = table[name].combine_chunks()
    if kind == "category":
        return pc.if_else(pc.equal(column, ""), None, column)
    if kind == "timestamp":
        return pc.if_else(pc.equal(column, MISSING_INTEGER), None, column).cast(goal)
    numbers = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return pa.array(numbers, mask=np.isnan(numbers)).cast(goal)
