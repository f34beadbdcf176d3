"""Reads Open Inference Protocol v2 bodies, JSON or binary tensors, that strangers may have written.

A body is columns: each tensor of shape (rows,) or (rows, 1) becomes one column of that many rows, and one of packed
columns (see `millrace_contracts.packing`) as many as it names: what is kept is the same in both forms. What is stored
keeps its kind in its name, so that two revisions that type a column differently never clash:
`number:<tensor>` float32, `exact:<tensor>` float64, `integer:<tensor>` int64, `text:<tensor>` str. An answer may be
a vector a row, of shape (rows, classes).
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from millrace_monitoring.ingest import layouts, tensors
from millrace_monitoring.ingest.layouts import Layout
from millrace_monitoring.ingest.tensors import Undecodable, Values

FAULTS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, struct.error, RecursionError)
"""What the bodies of strangers make go wrong."""


class Columns(NamedTuple):
    """The columns of one body.

    Args:
        names: kind and tensor name, sorted.
        values: of each column its *rows* values: bytes of float32, float64 or int64, or a list of str.
        rows: None without columns.
        answer: index of the column that is the prediction; None when no column is a number.
        width: values a row of that column: 1, or the number of classes.
    """

    names: tuple[str, ...] = ()
    values: Sequence[Values] = ()
    rows: int | None = None
    answer: int | None = None
    width: int = 1


def columns(body: bytes, json_length: int | None, side: str) -> Columns:
    """The tensors of one body; those that are no columns are left out.

    Args:
        json_length: bytes of the JSON head when binary tensors follow it; None when all is JSON.
        side: `inputs` of a request or `outputs` of an answer.
    Raises: Undecodable.
    """
    try:
        if json_length is None:
            return cut(layouts.read(body, side), body, len(body))
        return cut(layouts.remembered(body[:json_length], side), body, json_length)
    except Undecodable:
        raise
    except FAULTS as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def cut(layout: Layout, body: bytes, offset: int) -> Columns:
    """The columns that a layout finds in the bytes from *offset* on. Raises Undecodable and FAULTS."""
    if offset + layout.cut.size != len(body):
        raise Undecodable("the tensors do not fill the body")
    if layout.row:
        row = tensors.Row(body[offset:], layout.row, layout.cut.size // len(layout.row))
        return Columns(layout.names, row, layout.rows, layout.answer, layout.width)
    pieces: tuple[Any, ...] = layout.cut.unpack_from(body, offset)
    for place, datatype, rows, count in layout.packed:
        pieces += tuple(tensors.unpacked(datatype, pieces[place], rows, count))
    pieces += layout.inside
    values = [pieces[place] for place in layout.order]
    for index, datatype, count in layout.converted:
        values[index] = tensors.of_bytes(datatype, pieces[layout.order[index]], count)
    return Columns(layout.names, values, layout.rows, layout.answer, layout.width)


def answer(outputs: Columns) -> np.ndarray:
    """The prediction among *outputs*: float64 of shape (rows,), or float32 of shape (rows, classes).

    Raises: Undecodable if there is none.
    """
    if outputs.answer is None:
        raise Undecodable("the answer has no number")
    kind = outputs.names[outputs.answer].partition(":")[0]
    values = outputs.values[outputs.answer]
    assert isinstance(values, bytes)
    numbers = tensors.numbers(kind, values)
    if outputs.width > 1:
        return numbers.astype(np.float32).reshape(-1, outputs.width)
    return numbers.astype(np.float64)
