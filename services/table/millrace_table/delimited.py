"""CSV as strings: every cell is kept as it was written, so that a check can show it."""

import csv
import io

import pyarrow as pa
import pyarrow.csv as arrow

from millrace_table.names import check_names
from millrace_table.refusals import Unreadable

MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A"]
"""What counts as a missing value."""
DELIMITERS = ",;\t|"
HEADER_BYTES = 1 << 20


def read(data: bytes) -> pa.Table:
    """A table of strings. Raises: Unreadable."""
    text = _utf8(data)
    header, delimiter = _header(text)
    check_names(header)
    if text.strip(b"\r\n").count(b"\n") + text.strip(b"\r\n").count(b"\r") == 0:
        return pa.table({name: pa.array([], pa.string()) for name in header})
    ragged: list[arrow.InvalidRow] = []

    def note(row: arrow.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = arrow.read_csv(
            pa.BufferReader(text),
            arrow.ReadOptions(use_threads=False, column_names=header, skip_rows=1, block_size=1 << 24),
            arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            arrow.ConvertOptions(
                column_types={name: pa.string() for name in header},
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise Unreadable(
            "file", "The file cannot be split into rows and cells.", "Check its quotes."
        ) from error
    if ragged:
        raise _ragged(ragged, len(header))
    return table


def _utf8(data: bytes) -> bytes:
    """The data without a byte order mark. Raises: Unreadable if it is not UTF-8 text."""
    mend = "Save the file as UTF-8."
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("encoding", "The file is UTF-16.", mend, allowed="UTF-8")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        shown = data[max(0, error.start - 15) : error.start + 15].decode("latin-1")
        seen = f"Line {line} is not UTF-8: byte 0x{data[error.start]:02x} (perhaps the file is Latin-1)."
        raise Unreadable(
            "encoding", seen, mend, allowed="UTF-8", examples=[f"line {line}: {shown!r}"]
        ) from error
    if b"\0" in data:
        raise Unreadable(
            "encoding", "The file has null characters, so it is not text.", mend, allowed="UTF-8"
        )
    return data.removeprefix(b"\xef\xbb\xbf")


def _header(data: bytes) -> tuple[list[str], str]:
    """Column names and delimiter, from the first line."""
    start = data[:HEADER_BYTES].decode(errors="ignore")
    first = start.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        names = next(csv.reader(io.StringIO(start), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise Unreadable(
            "columns", "The first line is not a header.", "Begin with the column names."
        ) from error
    return [name.strip() for name in names], delimiter


def _ragged(rows: list[arrow.InvalidRow], columns: int) -> Unreadable:
    examples = [f"row {row.number}: {row.actual_columns} cells: {row.text[:80]}" for row in rows[:5]]
    return Unreadable(
        "cells",
        f"{len(rows)} rows do not have {columns} cells.",
        "Give every row as many cells as the header has, and put text with delimiters in quotes.",
        allowed=f"{columns} cells in every row",
        rows=len(rows),
        examples=examples,
    )
