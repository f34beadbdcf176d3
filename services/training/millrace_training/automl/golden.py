"""Golden rows: a few real rows and their exact answers, by which serving knows that a model was loaded right."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from millrace_contracts.models import Answer, Golden
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame, from_rows
from millrace_training.graph.session import answers, open_session

ROWS, LEAST_ROWS = 8, 2
NUMBERS = 20_000
"""About so many numbers of tensors a version's golden rows may hold; of large ones there are fewer rows."""


def make(graph: bytes, frame: Frame) -> Golden:
    """Rows by column name (null is missing), and the graph's own answers by output."""
    wide = sum(prod(column.shape) for column in frame.columns if column.shape)
    count = ROWS if wide * ROWS <= NUMBERS else LEAST_ROWS
    spread = np.unique(np.linspace(0, frame.rows - 1, count).astype(int))
    rows = frame.take(spread)
    outputs = answers(open_session(graph), rows)
    inputs = {column.name: [_json(cell) for cell in _cells(rows, column)] for column in rows.columns}
    return Golden(inputs=inputs, outputs={name: values.tolist() for name, values in outputs.items()})


def of_form(session: Any, golden: Golden, columns: Sequence[Column]) -> dict[str, list[Answer]]:
    """What another form of the graph answers to the same rows, by output."""
    names = list(golden.inputs)
    cells = zip(*(golden.inputs[name] for name in names), strict=True)
    rows = from_rows([dict(zip(names, row, strict=True)) for row in cells], columns)
    return {name: values.tolist() for name, values in answers(session, rows).items()}


def _cells(rows: Frame, column: Any) -> Any:
    return rows.texts(column.name) if column.kind == "category" else rows.values[column.name]


def _json(cell: Any) -> Any:
    if isinstance(cell, np.ndarray):
        return [float(number) if np.isfinite(number) else None for number in cell.reshape(-1)]
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, np.floating):
        return float(cell) if np.isfinite(cell) else None
    return None if int(cell) == MISSING_TIME else int(cell)
