"""A sheet of an Excel workbook as raw columns, by calamine: what Excel holds as a number or a time comes as one."""

import datetime
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa

from millrace_contracts.tables import Dialect
from millrace_table import headers
from millrace_table.headers import Record
from millrace_table.layouts import MISSING
from millrace_table.refusals import Unreadable, words


def read(
    path: Path, asked: Dialect, wanted: Collection[str]
) -> tuple[pa.Table, list[str], Dialect, list[str]]:
    """Columns by place, their names ('' for none), the dialect, and notes.

    Raises: Unreadable for a file that is no workbook, lacks the sheet, or has nothing in it.
    """
    sheet, rows = _rows(path, asked.sheet)
    records = [
        Record(number, number, [_text(cell) for cell in row])
        for number, row in enumerate(rows, 1)
        if any(cell != "" for cell in row)
    ]
    said = asked.header_line
    records = [record for record in records if not said or record.first >= said]
    if not records:
        raise Unreadable("file", f"The sheet '{sheet}' is empty.", "Choose another by --sheet.")
    header = headers.header(records, len(records[0].cells), wanted, said)
    below = [rows[record.first - 1] for record in records if record.first > header.lines]
    missing = MISSING if asked.missing is None else asked.missing
    cells = [_column([row[place] for row in below], missing) for place in range(len(header.names))]
    table = pa.table(cells, [f"c{place}" for place in range(len(cells))])
    found = asked.model_copy(
        update={"header_line": header.first_line, "sheet": sheet, "missing": missing, "encoding": None}
    )
    return table, header.names, found, header.notes


def _rows(path: Path, sheet: str | None) -> tuple[str, list[list[Any]]]:
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(str(path)) as book:
            name = sheet or book.sheet_names[0]
            if name not in book.sheet_names:
                seen = f"There is no sheet '{name}'."
                raise Unreadable("file", seen, f"Choose one of {words(book.sheet_names)} by --sheet.")
            return name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError, IndexError) as error:
        raise Unreadable(
            "file", "This is not an Excel workbook (.xlsx), or it is damaged or locked.", "Save it again."
        ) from error


def _column(cells: list[Any], missing: list[str]) -> pa.ChunkedArray:
    """One kind of values where all cells are of it, else their text."""
    values = [None if isinstance(cell, str) and cell.strip() in missing else cell for cell in cells]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return pa.chunked_array([pa.array(values, pa.bool_())])
    if kinds and kinds <= {int, float}:
        whole = all(value is None or (float(value).is_integer() and abs(value) < 2**53) for value in values)
        turned = [None if value is None else int(value) if whole else float(value) for value in values]
        return pa.chunked_array([pa.array(turned, pa.int64() if whole else pa.float64())])
    if kinds and kinds <= {datetime.datetime, datetime.date}:
        times = [None if value is None else _moment(value) for value in values]
        return pa.chunked_array([pa.array(times, pa.timestamp("us"))])
    return pa.chunked_array(
        [pa.array([None if value is None else _text(value) for value in values], pa.string())]
    )


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
