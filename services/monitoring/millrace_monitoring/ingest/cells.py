"""Logged rows as people read them: by data column, a missing value as null, a number with the digits that it has.

The log keeps what the model was given, which for most columns is a float32. Written out as a float64, 46.1 would be
46.099998474121094: digits that nobody sent. The shortest text that reads back as the same float32 is the number.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from millrace_contracts.bodies import Document
from millrace_contracts.signature import Input
from millrace_monitoring.ingest import segments


def shortest(value: float) -> float:
    """The number of the fewest digits that is the same float32; what is no float32 stays as it is."""
    with np.errstate(over="ignore"):
        narrow = np.float32(value)
    return float(str(narrow)) if narrow == value else float(value)


def rows(table: pa.Table, inputs: Sequence[Input]) -> list[Document]:
    """Every input of every row; what is missing, or was not sent, is null."""
    columns = {item.column: _cells(table, item) for item in inputs}
    return [
        {name: _told(cells[line], item) for item, (name, cells) in zip(inputs, columns.items(), strict=True)}
        for line in range(len(table))
    ]


def sent(table: pa.Table, inputs: Sequence[Input]) -> list[Document]:
    """What was sent of every row; what was sent as missing is null."""
    columns = [(item, _cells(table, item)) for item in inputs]
    return [
        {item.column: _told(cells[line], item) for item, cells in columns if cells[line] is not None}
        for line in range(len(table))
    ]


def _cells(table: pa.Table, item: Input) -> list[object]:
    """One input of every row as it is kept; None where it was not sent."""
    if item.shape is not None:
        values = segments.cells(table, item)
        return (
            [None] * len(table)
            if values is None
            else [None if np.isnan(cell).all() else cell for cell in values]
        )
    column = segments.tensor(table, item.datatype, item.name)
    return [None] * len(table) if column is None else column.to_pylist()


def _told(cell: object, item: Input) -> object:
    if isinstance(cell, np.ndarray):
        flat = [shortest(value) for value in np.nan_to_num(cell).reshape(-1)]
        return np.array(flat).reshape(cell.shape).tolist()
    if (
        cell is None
        or cell == ""
        or cell != cell
        or (item.kind == "timestamp" and cell == np.iinfo(np.int64).min)
    ):
        return None
    if item.kind == "timestamp" and isinstance(cell, int):
        return datetime.fromtimestamp(cell, UTC).isoformat()
    if item.kind == "boolean":
        return bool(cell)
    if isinstance(cell, float):
        return None if not np.isfinite(cell) else shortest(cell) if item.datatype == "FP32" else cell
    return cell
