"""The type of a column after a delivery: a guess gives way to decimals, an empty column to its first values."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_contracts.data import ColumnContract
from millrace_contracts.rows import Check
from millrace_contracts.tables import Dialect
from millrace_table import columns, inference
from millrace_table.columns import Mask, Typed
from millrace_table.texts import PADDED
from millrace_training.rows.lines import Marked

CODES = 1
"""Whole numbers from 0 to this are truth values, which have no decimals."""


def retyped(
    column: ColumnContract, raw: pa.ChunkedArray, timezone: str, dialect: Dialect | None
) -> tuple[ColumnContract, Typed, list[Check]]:
    """The column's promise and its values, with a note where a guessed type has changed.

    Raises: Unreadable for times in mixed zones.
    """
    cells = columns.convert(raw, column.type, timezone, column.name, dialect, shape=column.shape)
    if not column.guessed:
        return column, cells, []
    if is_unseen(column) and raw.null_count < len(raw):
        type = columns.infer(raw, dialect)
        first = inference.column(raw, column.name, type, timezone, dialect)
        cells = columns.convert(raw, type, timezone, column.name, dialect, shape=first.shape)
        told = _note(column.name, f"the first values came; they are {type}", type)
        return first.model_copy(update={"missing_at_most": 1.0}), cells, [told]
    if column.type != "integer":
        return column, cells, []
    padded = Marked()
    padded.add(0, None, padded_in(raw))
    if padded.count:
        return column, cells, [codes(column, padded)]
    if not cells.bad.any() or is_truth(column):
        return column, cells, []
    numbers = columns.convert(raw, "number", timezone, column.name, dialect)
    wider, notes = decimal(column, int(cells.bad.sum() - numbers.bad.sum()))
    return wider, numbers if notes else cells, notes


def is_unseen(column: ColumnContract) -> bool:
    """Whether the sample had no value of a guessed column: neither words nor an extent."""
    return column.allowed == [] or (
        column.type == "number" and (column.minimum, column.maximum) == (None, None)
    )


def is_truth(column: ColumnContract) -> bool:
    """Whether whole numbers are truth values, which never get decimals."""
    return column.minimum == 0 and column.maximum is not None and column.maximum <= CODES


def decimal(column: ColumnContract, decimals: int) -> tuple[ColumnContract, list[Check]]:
    """A guessed column of whole numbers after so many cells with *decimals*."""
    if not decimals:
        return column, []
    seen = counted(decimals, "cell has", "cells have") + " decimals; from now on the column is a number"
    told = _note(column.name, seen, "integer, whole so far")
    return column.model_copy(update={"type": "number"}), [told]


def padded_in(raw: pa.ChunkedArray) -> Mask:
    """Which cells are digits that begin with 0."""
    if not pa.types.is_string(raw.type):
        return np.zeros(len(raw), bool)
    return np.asarray(pc.match_substring_regex(pc.utf8_trim_whitespace(raw), PADDED).fill_null(False))


def codes(column: ColumnContract, padded: Marked) -> Check:
    """That digits which begin with 0 came into a guessed column of whole numbers."""
    return Check.failed(
        "leading zeros",
        f"{counted(padded.count, 'cell has', 'cells have')} leading zeros in a column of whole numbers",
        "whole numbers without leading zeros, as the sample had",
        "If they are codes, give the column the type string, so that 01067 and 1067 stay two.",
        column=column.name,
        rows=padded.count,
        examples=padded.examples,
    )


def _note(column: str, seen: str, allowed: str) -> Check:
    return Check.noted("type", seen, allowed, "Say the type in the contract if this is wrong.", column=column)
