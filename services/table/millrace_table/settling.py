"""What the cells of a file say about how it is written: decimal sign, thousands, which number is the day."""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from millrace_contracts.tables import Dialect
from millrace_table import moments, numbers, texts

SAMPLE = 20_000
"""So many different cells of a column are asked."""


class RawColumns(Protocol):
    """Raw columns that are asked for one at a time: a table's, or those of a file too large to be held at once."""

    @property
    def num_rows(self) -> int:
        """Of each column."""
        ...

    @property
    def column_names(self) -> list[str]:
        """In their order."""
        ...

    def column(self, name: str) -> pa.ChunkedArray:
        """One of them, whole."""
        ...


def settled(table: RawColumns, dialect: Dialect | None) -> Dialect | None:
    """The *dialect* of raw columns with what their cells prove; what was said by hand stays.

    Returns: None for a table without text, whose values are what they are.
    """
    listed = list(_texts(table, dialect))
    if not listed:
        return dialect
    given = dialect or Dialect()
    styles = [style for style in (_proven(column, given) for column in listed) if style is not None]
    decimals = {style.decimal for style in styles if style.decimal}
    decimal = given.decimal or ("," if decimals == {","} else ".")
    thousands: set[str] = {
        style.thousands for style in styles if style.thousands and style.decimal == decimal
    } or {sign for sign in map(_grouping, listed) if sign}
    orders = {order for order in map(moments.proven_order, listed) if order}
    found = {
        "decimal": decimal,
        "thousands": (thousands.pop() if len(thousands) == 1 else "")
        if given.thousands is None
        else given.thousands,
        "missing": given.missing or [],  # a format with nulls of its own needs no words for them
        "date_order": given.date_order or (orders.pop() if len(orders) == 1 else None),
    }
    return given.model_copy(update=found)


def _texts(table: RawColumns, dialect: Dialect | None) -> Iterator[list[str]]:
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_string(column.type):
            distinct = texts.valued(texts.distinct(column, dialect))
            if len(distinct):
                yield distinct.slice(0, SAMPLE).to_pylist()


def _grouping(listed: list[str]) -> str:
    """The space or apostrophe by which a column of numbers shows its thousands."""
    if any(numbers.parts(text) is None for text in listed[:20]):
        return ""
    signs = {numbers.grouping(text) for text in listed} - {""}
    return signs.pop() if len(signs) == 1 and all(numbers.parts(text) for text in listed) else ""


def _proven(listed: list[str], given: Dialect) -> numbers.Style | None:
    """The style of a column of numbers that shows one; plain numbers show none."""
    if any(numbers.parts(text) is None for text in listed[:20]):
        return None
    if not any("," in text or text.count(".") > 1 for text in listed):
        return None
    style = numbers.style_of(listed, given)
    return (
        style
        if style is not None and all(numbers.value(text, style) is not None for text in listed)
        else None
    )
