"""What is selected of a table or query: its columns by name, each in words that its driver hands out rightly."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from millrace_table.cells import written
from millrace_training.runtime.errors import JobError
from millrace_training.sources.asking import Asking

ROWS = "source_rows"
"""What a table or query is called within a statement of ours."""


@dataclass(frozen=True)
class Selection:
    """columns: the list of a SELECT. schema: what the driver says of them. arrays: places of columns of lists, whose
    dimensions follow behind all columns, in their order."""

    columns: str
    schema: pa.Schema
    arrays: tuple[int, ...]

    def whole(self, came: pa.Table) -> pa.Table:
        """The rows that *came*, lists in lists as such."""
        count = len(self.schema)
        table = came.select(range(count))
        for place, array in enumerate(self.arrays):
            deep = _nested(table.column(array), came.column(count + place))
            table = table.set_column(array, self.schema.field(array).name, deep)
        return table


def of(schema: pa.Schema, asking: Asking, quoted: Callable[[str], str]) -> Selection:
    """All columns. Raises: JobError for two columns of one name, of which neither could be asked for."""
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        mend = "Name each column of the query once, like SELECT sales.id, shops.id AS shop_id."
        raise JobError("Two columns have one name", f"{', '.join(map(repr, twice))} is there twice.", mend)
    fields = [(place, field, f"{ROWS}.{quoted(field.name)}") for place, field in enumerate(schema)]
    terms = [f"{asking.meant(field, column)} AS {quoted(field.name)}" for _, field, column in fields]
    deep = {place: asking.dimensions(field, column) for place, field, column in fields}
    listed = [place for place, term in deep.items() if term is not None]
    return Selection(", ".join([*terms, *(str(deep[place]) for place in listed)]), schema, tuple(listed))


def _nested(column: pa.ChunkedArray, dimensions: pa.ChunkedArray) -> pa.ChunkedArray:
    """The driver hands out all cells of an array in one list; lists in lists are made of it by *dimensions*."""
    sizes = {text: _sizes(text) for text in pc.unique(dimensions).drop_null().to_pylist()}
    depths = {len(size) for size in sizes.values()}
    if depths <= {1}:
        return column
    pairs = zip(column.to_pylist(), dimensions.to_pylist(), strict=True)
    cells = [None if cell is None else _folded(cell, sizes.get(text, [])) for cell, text in pairs]
    if len(depths) == 1:
        return pa.chunked_array([pa.array(cells)])
    return pa.chunked_array([pa.array([None if cell is None else written(cell) for cell in cells])])


def _sizes(text: str) -> list[int]:
    """Of each dimension, the outermost first, from a text like `[1:2][0:3]`."""
    return [int(high) - int(low) + 1 for low, high in re.findall(r"\[(-?\d+):(-?\d+)\]", text)]


def _folded(flat: list[object], sizes: list[int]) -> list[object]:
    """The list as lists of these *sizes*."""
    for size in reversed(sizes[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat
