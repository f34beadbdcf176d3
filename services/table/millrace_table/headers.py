"""Tells the line of the column names from titles above it and rows below it."""

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from millrace_table import bearings
from millrace_table.refusals import Unreadable

SEARCHED = 100
"""Records among which the header is looked for."""
VALUE = re.compile(
    r"^\s*([+-]?[$€£]?\d[\d.,' ]*([eE][+-]?\d+)?%?|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*|\d{1,2}:\d\d(:\d\d)?.*)\s*$"
)
"""What is a number, a date or a time, and no name."""
YEAR = re.compile(r"^\s*(19|20)\d\d\s*$")


@dataclass(frozen=True)
class Record:
    """Cells with the lines, from 1, at which they begin and end."""

    first: int
    last: int
    cells: list[str]


@dataclass(frozen=True)
class Header:
    """Names of the columns, the line they begin at (0: there is none), and how many lines precede the rows."""

    names: list[str]
    first_line: int
    lines: int
    notes: list[str] = field(default_factory=list)


def header(records: list[Record], width: int, wanted: Collection[str], line: int | None) -> Header:
    """The header among *records*, whose rows mostly have *width* cells.

    Args:
        line: 0: there is none; any other number: it is the first record.
    Raises: Unreadable if there are as good reasons for as against it.
    """
    if line == 0:
        return _nameless(records, width, [])
    place = 0 if line else _place(records, width, wanted)
    found = records[place]
    if line is None and not named(found.cells, wanted) and _is_row(records, place):
        note = f"Line {found.first} holds values and no names, so the columns are called column1, column2 …"
        return _nameless(records[place:], width, [note])
    rows = [record.cells for record in records[place + 1 :] if record.cells]
    names, notes = _names(found, rows, width, wanted)
    if place:
        notes.insert(0, f"Lines before line {found.first} are no rows and were left out.")
    return Header(names, found.first, found.last, notes)


def _nameless(records: list[Record], width: int, notes: list[str]) -> Header:
    return Header([f"column{number + 1}" for number in range(width)], 0, records[0].first - 1, notes)


def _place(records: list[Record], width: int, wanted: Collection[str]) -> int:
    """The record that has the wanted names, or the first as wide as the rows (or by one cell not) and full."""
    searched = records[:SEARCHED]
    for place, record in enumerate(searched):
        if named(record.cells, wanted):
            return place
    near = (width,) if width <= 2 else (width - 1, width, width + 1)
    fit = [place for place, record in enumerate(searched) if len(record.cells) in near]
    full = (place for place in fit if sum(not cell.strip() for cell in records[place].cells) <= 1)
    return next(full, fit[0] if fit else 0)


def named(cells: list[str], wanted: Collection[str]) -> bool:
    """Whether most of the wanted names are among the cells."""
    return len(wanted) > 0 and 2 * len({cell.strip() for cell in cells} & set(wanted)) > len(wanted)


def _is_row(records: list[Record], place: int) -> bool:
    """Whether a record looks like the rows below it: values where they have values."""
    cells, below = records[place].cells, records[place + 1 : place + 1 + SEARCHED]
    rows = [record.cells for record in below if len(record.cells) == len(cells)]
    if not rows or all(YEAR.match(cell) for cell in cells if VALUE.match(cell)):
        return False
    valued = [
        number
        for number in range(len(cells))
        if sum(bool(VALUE.match(row[number])) for row in rows) > 0.9 * len(rows)
    ]
    return bool(valued) and all(VALUE.match(cells[number]) for number in valued)


def _names(
    found: Record, rows: list[list[str]], width: int, wanted: Collection[str]
) -> tuple[list[str], list[str]]:
    """One name a column, in one line each, and what had to be mended for it."""
    names = [re.sub(r"\s*[\r\n]+\s*", " ", cell).strip() for cell in found.cells]
    notes = [
        f"The name {new!r} was written over several lines."
        for new, cell in zip(names, found.cells, strict=True)
        if "\n" in cell.strip() or "\r" in cell.strip()
    ]
    full = [row for row in rows if len(row) == width]
    if not full or len(names) == width:
        return names, notes
    if len(names) == width - 1 and all(not row[-1].strip() for row in full):
        return [*names, ""], [*notes, *_ended(found, names, full, wanted)]
    if len(names) == width - 1 and numbered([row[0] for row in full]):
        return ["", *names], notes
    if len(names) == width + 1 and not names[-1]:
        return names[:-1], [*notes, f"Line {found.first} ends with a delimiter; it names no column."]
    if not any(len(row) == len(names) for row in rows):
        raise Unreadable(
            "columns",
            f"Line {found.first} has {len(names)} names, and the rows below have {width} cells.",
            "Name every column; or say which line has the names by --header-line.",
            examples=[f"line {found.first}: {', '.join(found.cells)[:200]}"],
        )
    return names, notes


def _ended(found: Record, names: list[str], rows: list[list[str]], wanted: Collection[str]) -> list[str]:
    """A note that the rows end with a delimiter, and what they say, if nothing proves that.

    Raises: Unreadable if it is rather the line of names that lost one, so that they stand one column off.
    """
    if set(names) <= set(wanted):
        return []
    if any('"' in name for name in names) or bearings.lost(names, rows) is not None:
        raise Unreadable(
            "columns",
            f"Line {found.first} has {len(names)} names, and the rows below have {len(names) + 1} cells, of which the "
            "last is empty: the names seem to lack a delimiter, and to stand one column off.",
            f"Write the delimiter that line {found.first} lacks. If the rows end with one too many, write one behind "
            "the last name too.",
            examples=[f"line {found.first}: {', '.join(found.cells)[:200]}"],
        )
    shown = ", ".join(
        f"{name} = {cell.strip()}" for name, cell in zip(names[-2:], rows[0][-3:], strict=False)
    )
    return [
        f"Line {found.first} has a name less than the rows have cells, and the last cell of each is empty. The columns "
        f"are read as … {shown[:200]}. If that is one off, line {found.first} lacks a delimiter."
    ]


def numbered(values: list[str]) -> bool:
    """Whether values are row numbers: whole, one apart."""
    try:
        numbers = [int(value) for value in values]
    except ValueError:
        return False
    return all(after - before == 1 for before, after in itertools.pairwise(numbers))
