"""CSV as strings, by DuckDB: every cell is kept as it was written, and every line that cannot be split is a reject."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.tables import KEPT, Dialect, Reject, Rejects
from millrace_table import absent, cleaning, engine, layouts, opening, rejects, torn
from millrace_table.engine import literal
from millrace_table.headers import named
from millrace_table.layouts import Layout
from millrace_table.names import check_names
from millrace_table.refusals import Unreadable
from millrace_table.rejects import Refused

if TYPE_CHECKING:
    import duckdb

ROW_NUMBERS = re.compile(r"^(Unnamed: 0(\.\d+)*)?$")
"""What pandas calls the column of row numbers that it has written without a name."""
TRIES = 8
"""How often a file is read anew because a quote that does not end has swallowed lines."""
NO_MARK = "\x01"
"""A missing mark that no cell is: DuckDB drops a mark behind the last column in silence, so it gets none."""
SPLIT_BY_HAND = "Check its quotes and its delimiter."


Marked: TypeAlias = dict[str, dict[str, int]]
"""Words that count as missing, by column, and how often each stands there."""
Taken = TypeVar("Taken")
Take: TypeAlias = Callable[[Any, Any], Taken]
"""What is done with a database and the rows that it is to read."""


@dataclass(frozen=True)
class Split:
    """A file's rows as columns of strings, how they are written, and what could not be taken."""

    table: pa.Table
    dialect: Dialect
    rejects: Rejects
    notes: list[str]
    marked: Marked


@dataclass(frozen=True)
class Rows:
    """What DuckDB is to read, *skip* lines of it not; it is made from *origin*, whose *layout* says how."""

    origin: Path
    path: Path
    skip: int
    layout: Layout

    @property
    def names(self) -> str:
        """Its columns, by their places."""
        places = (f"c{place}" for place in range(len(self.layout.names)))
        if self.layout.spaced:
            return ", ".join(f"ltrim({place}, ' ') AS {place}" for place in places)
        return ", ".join(places)

    @property
    def source(self) -> str:
        """The table function that reads it; an unnamed column is `c` and its place."""
        dialect, names = self.layout.dialect, self.layout.names
        columns = ", ".join(f"{literal(f'c{place}')}: 'VARCHAR'" for place in range(len(names)))
        return (
            f"read_csv({literal(str(self.path))}, auto_detect=false, header=false, skip={self.skip}, "
            f"columns={{{columns}}}, delim={literal(dialect.delimiter or ',')}, quote={literal(dialect.quote or '')}, "
            f"escape={literal(dialect.escape or '')}, comment='', nullstr={literal(NO_MARK)}, "
            f"store_rejects=true, rejects_limit=0, strict_mode=true)"
        )


def read(source: Path, folder: Path, asked: Dialect, wanted: Collection[str]) -> Split:
    """The rows of the file at *source*, in its order; *folder* is for what has to be written meanwhile.

    Args:
        asked: what is known of its dialect; wanted: names that are expected among its columns.
    Raises: Unreadable for a file that is no text, has no header, or has columns without names.
    """
    text = opening.text(source, folder, asked.encoding)
    layout = fitting(text.path, folder, asked, wanted)
    check_names([name or f"c{place}" for place, name in enumerate(layout.names)])
    rows = prepared(text.path, folder, layout)
    with engine.engine(folder, text.path.resolve()) as database:
        (table, marked), lost = scanned(database, rows, folder, _table)
    table, repeated = without_headers(table, layout.names)
    broken = torn.torn(table, text.path, layout.dialect)
    if broken.places:
        table = table.filter(pa.array(~np.isin(np.arange(table.num_rows), broken.places)))
    table, notes = named_table(table, layout.names, wanted)
    more = [*repeated, *broken.rejects]
    if more:
        count = lost.count + len(repeated) + len(broken.places)
        lost = Rejects(count=count, kept=[*lost.kept, *more][:KEPT])
    dialect = layout.dialect.model_copy(update={"encoding": text.encoding})
    told = [text.note] if text.note else []
    by_name = {layout.names[place]: words for place, words in marked.items()}
    return Split(table, dialect, lost, [*told, *layout.notes, *notes], by_name)


def fitting(path: Path, folder: Path, asked: Dialect, wanted: Collection[str]) -> Layout:
    """The layout that was asked for; one found anew where that has none of the wanted names and this has them."""
    try:
        layout = layouts.find(path, folder, asked, wanted)
    except Unreadable:
        layout = None
    if layout is not None and (not wanted or named(layout.names, wanted)):
        return layout
    again = layouts.find(path, folder, asked.of_values, wanted)
    if layout is not None and not named(again.names, wanted):
        return layout
    note = f"The file is not written as it is said to be, but with {again.dialect.words}."
    return replace(again, notes=[note, *again.notes])


def prepared(path: Path, folder: Path, layout: Layout) -> Rows:
    """The file itself where only its first line is no row; else a copy of what DuckDB is to read."""
    safe = folder / "rows.csv"
    if len(layout.names) == 1 or layout.dialect.comment:
        cleaning.clean(path, safe, layout)
        return Rows(path, safe, 0, layout)
    if layout.lines > 1 or layout.begins == 0:
        cleaning.cut(path, safe, layout.begins)
        return Rows(path, safe, 0, layout)
    safe.symlink_to(path.resolve())
    return Rows(path, safe, 1, layout)


def scanned(
    database: "duckdb.DuckDBPyConnection", rows: Rows, folder: Path, take: Take[Taken]
) -> tuple[Taken, Rejects]:
    """What is taken, and rejects; a line whose quote swallows others is left out, and they are read after all."""
    out: list[Refused] = []
    taken, rows = _attempt(database, rows, folder, take)
    counted = rows.path
    for tries in range(TRIES + 1):
        lost = rejects.refused(database)
        swallowed = [line for line in lost if line.swallowed]
        if not swallowed or tries == TRIES:
            break
        out += [replace(line, text=line.text.split("\n")[0]) for line in swallowed]
        rows = replace(rows, path=cleaning.blanked(rows.path, folder, [line.begins for line in swallowed]))
        rejects.forget(database)
        taken, rows = _attempt(database, rows, folder, take)
    number = rejects.count(database) + len(out) + sum(line.lines - 1 for line in lost)
    lines = sorted([*out, *lost], key=lambda line: line.begins)
    before = rows.layout.lines - rows.skip
    return taken, rejects.told(lines, number, counted, before, len(rows.layout.names))


def _attempt(
    database: "duckdb.DuckDBPyConnection", rows: Rows, folder: Path, take: Take[Taken]
) -> tuple[Taken, Rows]:
    """What is taken; where line ends of several kinds stop DuckDB, from a copy with one kind."""
    import duckdb

    try:
        return take(database, rows), rows
    except duckdb.InvalidInputException:
        target = folder / "one-kind-of-end.csv"
        cleaning.clean(rows.origin, target, rows.layout)
        rows = replace(rows, path=target, skip=0)
    try:
        return take(database, rows), rows
    except duckdb.Error as error:
        raise Unreadable("file", "The file cannot be split into rows and cells.", SPLIT_BY_HAND) from error


def _table(database: "duckdb.DuckDBPyConnection", rows: Rows) -> tuple[pa.Table, dict[int, dict[str, int]]]:
    """All rows, and by the place of a column how often each word stands there that counts as missing.

    Missing marks become null here: for thousands of columns DuckDB takes minutes and its memory for it.
    """
    table = database.sql(f"SELECT {rows.names} FROM {rows.source}").to_arrow_table()  # noqa: S608
    return absent.nulled(table, rows.layout.dialect.missing or [])


def without_headers(table: pa.Table, names: list[str]) -> tuple[pa.Table, list[Reject]]:
    """The rows without those that repeat the names, as files do that were put behind each other."""
    same = pc.fill_null(pc.equal(table.column(0), names[0]), False)
    if not pc.any(same).as_py():
        return table, []
    for place, name in enumerate(names[1:], 1):
        same = pc.and_(same, pc.equal(pc.fill_null(table.column(place), ""), name))
    number = pc.sum(same).as_py() or 0
    reject = Reject(line=0, text=", ".join(names)[:2000], reason="It repeats the names of the columns.")
    return table.filter(pc.invert(same)), [reject] * number


def named_table(table: pa.Table, names: list[str], wanted: Collection[str]) -> tuple[pa.Table, list[str]]:
    """The columns by their names, without those that hold no data, and what was left out."""
    kept: dict[str, pa.ChunkedArray] = {}
    notes: list[str] = []
    for place, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        note = None if name and name in wanted else no_data(name, column, place, len(names))
        if note:
            notes.append(note)
        else:
            kept[name or f"\0{place}"] = column
    check_names(["" if name.startswith("\0") else name for name in kept])
    return pa.table(kept), notes


def no_data(name: str, column: pa.ChunkedArray, place: int, width: int) -> str | None:
    """Why a column without a name is none: nothing is in it, or row numbers are."""
    if not name and place > 0 and not has_values(column):
        where = "Every line ends with a delimiter; the" if place == width - 1 else f"Column {place + 1}, the"
        return f"{where} column without name and values behind it was left out."
    if place == 0 and ROW_NUMBERS.match(name) and len(column) and are_numbers(column):
        shown = f"'{name}'" if name else "without a name"
        return f"Column 1, {shown}, holds row numbers, which say nothing; it was left out."
    return None


def has_values(column: pa.ChunkedArray) -> bool:
    """Whether anything stands in a column; an empty cell is nothing, whatever counts as missing."""
    if column.null_count == len(column):
        return False
    if not pa.types.is_string(column.type):
        return True
    return bool(pc.any(pc.not_equal(pc.utf8_trim_whitespace(column), "")).as_py())


def are_numbers(column: pa.ChunkedArray) -> bool:
    if pa.types.is_integer(column.type):
        return bool(pc.count_distinct(column).as_py() == len(column))
    if not pa.types.is_string(column.type):
        return False
    whole = pc.all(pc.match_substring_regex(column, r"^\d{1,18}$"), skip_nulls=False).as_py()
    return bool(whole) and pc.count_distinct(column).as_py() == len(column)
