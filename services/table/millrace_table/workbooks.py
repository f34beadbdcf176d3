"""A sheet of an Excel workbook as raw columns, by calamine: what Excel holds as a number or a time comes as one."""

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.tables import Dialect, Rejects
from millrace_table import delimited, headers, sheets
from millrace_table.headers import Record
from millrace_table.layouts import MISSING
from millrace_table.names import check_names
from millrace_table.refusals import Unreadable, words
from millrace_table.streamed import CELLS, FORM, PIECE, Streamed, Told

if TYPE_CHECKING:
    import python_calamine as calamine

Row: TypeAlias = list[Any]
HEAD = 1000
"""Rows of a large sheet among which its header is found."""


@dataclass(frozen=True)
class Sheet:
    """A sheet as it is to be read: its columns by their places, '' for one without a name."""

    names: list[str]
    dialect: Dialect
    lines: int
    """Lines before the first row."""
    notes: list[str]


def read(path: Path, asked: Dialect, wanted: Collection[str]) -> tuple[pa.Table, Sheet]:
    """Columns by place, and what they are.

    Raises: Unreadable for a file that is no workbook, lacks the sheet, or has nothing in it.
    """
    name, rows = _rows(path, asked.sheet)
    sheet = _sheet(name, list(enumerate(rows, 1)), asked, wanted)
    below = [row for row in rows[sheet.lines :] if any(cell != "" for cell in row)]
    missing = sheet.dialect.missing or []
    cells = [
        _column([row[place] for row in below], _Kind.of((row[place] for row in below), missing))
        for place in range(len(sheet.names))
    ]
    return pa.table(cells, _titles(sheet.names)), sheet


def named_parquet(
    path: Path, target: Path, folder: Path, asked: Dialect, wanted: Collection[str], told: Told
) -> Streamed | None:
    """Write the rows of a large sheet to *target*, in bounded memory; None for a small one.

    Raises: Unreadable, as `read` does.
    """
    by_place = folder / "sheet.parquet"
    sheet = to_parquet(path, by_place, folder, asked, wanted, told)
    if sheet is None:
        return None
    check_names([name or f"c{place}" for place, name in enumerate(sheet.names)])
    with parquet.ParquetFile(by_place) as file:
        kept, left_out = _with_data(file, sheet.names, wanted)
        schema = pa.schema([(name, file.schema_arrow.field(place).type) for place, name in kept.items()])
        with parquet.ParquetWriter(target, schema, **FORM) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                writer.write_table(pa.table([table.column(place) for place in kept], schema=schema))
        return Streamed(file.metadata.num_rows, sheet.dialect, Rejects(), [*sheet.notes, *left_out], {})


def _with_data(
    file: parquet.ParquetFile, names: list[str], wanted: Collection[str]
) -> tuple[dict[int, str], list[str]]:
    """The columns of a sheet by their places, without those that hold no data, and why; one is looked at at a time."""
    kept, notes = dict[int, str](), list[str]()
    for place, name in enumerate(names):
        odd = not (name and name in wanted) and (not name or delimited.ROW_NUMBERS.match(name))
        column = file.read(columns=[f"c{place}"]).column(0) if odd else None
        note = None if column is None else delimited.no_data(name, column, place, len(names))
        if note:
            notes.append(note)
        else:
            kept[place] = name
    check_names(list(kept.values()))
    return kept, notes


def to_parquet(
    path: Path, target: Path, folder: Path, asked: Dialect, wanted: Collection[str], told: Told
) -> Sheet | None:
    """The same of a large sheet, its columns by place written to *target*, a part at a time; None for a small one.

    It is read twice, as what kind a column is its last cell may say.
    """
    name = _named(path, asked.sheet)
    if not sheets.is_large(path, name):
        return None
    missing = MISSING if asked.missing is None else asked.missing
    head, kinds = list[tuple[int, Row]](), list[_Kind]()
    for number, row in _in_parts(path, name, folder):
        kinds += [_Kind(missing) for _ in range(len(row) - len(kinds))]
        if len(head) < HEAD:
            head.append((number, row))
        else:
            for kind, cell in zip(kinds, _filled(row, len(kinds)), strict=True):
                kind.add(cell)
    sheet = _sheet(name, [(number, _filled(row, len(kinds))) for number, row in head], asked, wanted)
    kinds = kinds[: len(sheet.names)]
    for number, row in head:
        if number > sheet.lines:
            for kind, cell in zip(kinds, _filled(row, len(kinds)), strict=True):
                kind.add(cell)
    schema, count = pa.schema(zip(_titles(sheet.names), [kind.type for kind in kinds], strict=True)), 0
    with parquet.ParquetWriter(target, schema, **FORM) as writer:
        for rows in _pieces(path, name, folder, sheet):
            cells = [_column([row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
            writer.write_table(pa.table(cells, schema=schema))
            count += len(rows)
            told(count)
    return sheet


def _titles(names: list[str]) -> list[str]:
    return [f"c{place}" for place in range(len(names))]


def _sheet(name: str, rows: list[tuple[int, Row]], asked: Dialect, wanted: Collection[str]) -> Sheet:
    said = asked.header_line
    records = [
        Record(number, number, [_text(cell) for cell in row])
        for number, row in rows
        if any(cell != "" for cell in row) and (not said or number >= said)
    ]
    if not records:
        raise Unreadable("file", f"The sheet '{name}' is empty.", "Choose another by --sheet.")
    header = headers.header(records, len(records[0].cells), wanted, said)
    missing = MISSING if asked.missing is None else asked.missing
    found = {"header_line": header.first_line, "sheet": name, "missing": missing, "encoding": None}
    return Sheet(header.names, asked.model_copy(update=found), header.lines, header.notes)


def _in_parts(path: Path, name: str, folder: Path) -> Iterator[tuple[int, Row]]:
    """The rows of a large sheet that have cells, with their numbers."""
    first = 1
    for part in sheets.parts(path, name, folder):
        with _opened(part) as book:
            sheet = book.get_sheet_by_name(name)
            rows, start = sheet.to_python(skip_empty_area=True), sheet.start or (0, 0)
        number = (
            start[0] + 1 if start[0] + 1 >= first else start[0] + first
        )  # cells may not say where they stand
        for place, row in enumerate(rows, number):
            first = place + 1
            if any(cell != "" for cell in row):
                yield place, [""] * start[1] + row


def _pieces(path: Path, name: str, folder: Path, sheet: Sheet) -> Iterator[list[Row]]:
    """The rows below the header, as wide as it is, some at a time."""
    width, size = len(sheet.names), max(1, min(PIECE, CELLS // len(sheet.names)))
    rows = (_filled(row, width) for number, row in _in_parts(path, name, folder) if number > sheet.lines)
    while held := list(islice(rows, size)):
        yield held


def _filled(row: Row, width: int) -> Row:
    return row[:width] + [""] * (width - len(row))


def _named(path: Path, asked: str | None) -> str:
    """The sheet that is *asked* for, else the first one. Raises: Unreadable."""
    with _opened(path) as book:
        name = asked or book.sheet_names[0]
        if name not in book.sheet_names:
            seen = f"There is no sheet '{name}'."
            raise Unreadable("file", seen, f"Choose one of {words(book.sheet_names)} by --sheet.")
        return name


def _rows(path: Path, asked: str | None) -> tuple[str, list[Row]]:
    name = _named(path, asked)
    with _opened(path) as book:
        return name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)


@contextmanager
def _opened(path: Path) -> "Iterator[calamine.CalamineWorkbook]":
    """A workbook. Raises: Unreadable for what is none, also while it is read."""
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(str(path)) as book:
            yield book
    except (calamine.CalamineError, OSError, IndexError) as error:
        raise sheets.damaged() from error


class _Kind:
    """What kind of values a column has: one where all cells are of it, else text."""

    def __init__(self, missing: list[str]) -> None:
        self._missing, self._types, self._whole = missing, set[type](), True

    @classmethod
    def of(cls, cells: Iterable[Any], missing: list[str]) -> "_Kind":
        """That of a whole column."""
        kind = cls(missing)
        for cell in cells:
            kind.add(cell)
        return kind

    def add(self, cell: Any) -> None:
        """Hear of one more cell."""
        if self.is_missing(cell):
            return
        self._types.add(type(cell))
        if self._whole and isinstance(cell, int | float):
            self._whole = float(cell).is_integer() and abs(cell) < 2**53

    def is_missing(self, cell: Any) -> bool:
        """Whether a cell says that there is no value."""
        return isinstance(cell, str) and cell.strip() in self._missing

    @property
    def type(self) -> pa.DataType:
        """What it is in Arrow."""
        if self._types == {bool}:
            return pa.bool_()
        if self._types and self._types <= {int, float}:
            return pa.int64() if self._whole else pa.float64()
        return pa.timestamp("us") if self._types and self._types <= TIMES else pa.string()


def _column(cells: list[Any], kind: _Kind) -> pa.ChunkedArray:
    """Cells of a column of this kind."""
    turn: Callable[[Any], Any] = TURNS.get(kind.type, _text)
    turned = [None if kind.is_missing(cell) else turn(cell) for cell in cells]
    return pa.chunked_array([pa.array(turned, kind.type)])


def _moment(value: datetime.date) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    return datetime.datetime.combine(value, datetime.time())


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime.datetime | datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)


TIMES: set[type] = {datetime.datetime, datetime.date}
TURNS: dict[pa.DataType, Callable[[Any], Any]] = {
    pa.bool_(): bool,
    pa.int64(): int,
    pa.float64(): float,
    pa.timestamp("us"): _moment,
}
