"""What the cells of a file say about how it is written: decimal sign, thousands, which number is the day."""

from collections.abc import Collection, Iterable, Iterator
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


def agreed(table: RawColumns, dialect: Dialect | None, numeric: Collection[str]) -> Dialect | None:
    """The *dialect* for a table that may be written otherwise: without its decimal sign if a column shows another.

    Then `1,234` beside `0.5` is read neither as 1.234 nor as 1234, unless its own column says which it is.

    Args:
        numeric: the columns that hold numbers.
    """
    if dialect is None or dialect.decimal is None:
        return dialect
    names = [name for name in table.column_names if name in numeric]
    listed = [cells for cells in _texts(table, dialect, names) if _all_numbers(cells)]
    styles = (numbers.style_of(cells, None) for cells in listed)
    if all(style is None or style.decimal in (None, dialect.decimal) for style in styles):
        return dialect
    return dialect.model_copy(update={"decimal": None, "thousands": None})


def _all_numbers(listed: list[str]) -> bool:
    """Whether a column is one of written numbers, of which one at least shows a sign that is decimal for sure."""
    seen = [numbers.parts(text) for text in listed]
    return all(seen) and any(part is not None and numbers.is_plain(part.body) for part in seen)


def _texts(
    table: RawColumns, dialect: Dialect | None, names: Iterable[str] | None = None
) -> Iterator[list[str]]:
    for name in table.column_names if names is None else names:
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
