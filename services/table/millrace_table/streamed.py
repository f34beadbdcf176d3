"""CSV of any size into Parquet, a piece at a time: the same rows, rejects and notes as `delimited.read` gives of it."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from millrace_contracts.tables import KEPT, Dialect, Reject, Rejects
from millrace_table import absent, delimited, engine, opening
from millrace_table.delimited import Marked, Rows
from millrace_table.names import check_names
from millrace_table.torn import Suspects, Torn

if TYPE_CHECKING:
    import duckdb

PIECE = 1 << 16
"""Rows that are held at once, of files that are not very wide."""
CELLS = 1 << 22
"""Cells that are held at once."""
FORM = {"use_dictionary": False, "compression": "lz4", "write_statistics": False}
"""How strings are written: to look for words that come again would take as long as to read them."""
INVALID = "Invalid Input Error"
"""How DuckDB calls what it cannot split, when Arrow hands its words on."""
Told = Callable[[int], None]
"""Is told again and again how many rows are read."""


@dataclass(frozen=True)
class Streamed:
    """How many rows were written, how the file is written, and what could not be taken."""

    rows: int
    dialect: Dialect | None
    rejects: Rejects
    notes: list[str]
    marked: Marked

    @property
    def share(self) -> float:
        """Rejects of all lines."""
        return self.rejects.share(self.rows)


@dataclass
class _Seen:
    """What is known of the columns after some pieces."""

    rows: int = 0
    marked: dict[int, dict[str, int]] = field(default_factory=dict)
    repeated: list[Reject] = field(default_factory=list)
    valued: set[int] = field(default_factory=set)
    counts: bool = True
    """Whether the first column rises from row to row, as row numbers do."""
    last: int = -1


def to_parquet(
    source: Path, target: Path, folder: Path, asked: Dialect, wanted: Collection[str], told: Told
) -> Streamed:
    """Write the rows of *source* into *target*, in bounded memory however large it is; *folder* is for the meantime.

    Raises: Unreadable, as `delimited.read` does.
    """
    text = opening.text(source, folder, asked.encoding)
    layout = delimited.fitting(text.path, folder, asked, wanted)
    names = layout.names
    check_names([name or f"c{place}" for place, name in enumerate(names)])
    rows, written = delimited.prepared(text.path, folder, layout), folder / "written.parquet"
    suspects, seen = Suspects(layout.dialect), _Seen()

    def copy(database: "duckdb.DuckDBPyConnection", rows: Rows) -> None:
        nonlocal suspects, seen
        suspects, seen = Suspects(layout.dialect), _Seen()
        _copy(_pieces(database, rows), written, names, layout.dialect, suspects, seen, told)

    with engine.engine(folder, text.path.resolve()) as database:
        _, lost = delimited.scanned(database, rows, folder, copy)
    broken = suspects.found(text.path)
    left_out = _left_out(written, names, wanted, seen)
    _settle(written, target, broken, list(left_out))
    more = [*seen.repeated, *broken.rejects]
    if more:
        count = lost.count + len(seen.repeated) + len(broken.places)
        lost = Rejects(count=count, kept=[*lost.kept, *more][:KEPT])
    dialect = layout.dialect.model_copy(update={"encoding": text.encoding})
    notes = [*([text.note] if text.note else []), *layout.notes, *left_out.values()]
    marked = {names[place]: words for place, words in sorted(seen.marked.items())}
    return Streamed(seen.rows - len(broken.places), dialect, lost, notes, marked)


def _pieces(database: "duckdb.DuckDBPyConnection", rows: Rows) -> Iterator[pa.Table]:
    """The rows, some at a time. Raises: duckdb.Error, also for what Arrow wraps in an error of its own."""
    import duckdb

    query = database.sql(f"SELECT {rows.names} FROM {rows.source}")  # noqa: S608
    try:
        for batch in query.to_arrow_reader(max(1, min(PIECE, CELLS // len(rows.layout.names)))):
            yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        kind = duckdb.InvalidInputException if INVALID in str(error) else duckdb.Error
        raise kind(str(error)) from error


def _copy(
    pieces: Iterator[pa.Table],
    path: Path,
    names: list[str],
    dialect: Dialect,
    suspects: Suspects,
    seen: _Seen,
    told: Told,
) -> None:
    """Write the rows, columns by their names, and note what is to be known of all of them.

    A piece is written while the next one is read, which takes as long.
    """
    schema = pa.schema([(_title(place, name), pa.string()) for place, name in enumerate(names)])
    with parquet.ParquetWriter(path, schema, **FORM) as writer, ThreadPoolExecutor(1) as aside:

        def write(piece: pa.Table) -> None:
            table, marked = absent.nulled(piece, dialect.missing or [])
            for place, words in marked.items():
                known = seen.marked.setdefault(place, {})
                known |= {word: known.get(word, 0) + count for word, count in words.items()}
            table, repeated = delimited.without_headers(table, names)
            seen.repeated += repeated
            suspects.add(table)
            _note(table, names, seen)
            writer.write_table(pa.table(table.columns, schema=schema))

        before: Future[None] | None = None
        for piece in pieces:
            if before is not None:
                before.result()
                told(seen.rows)
            before = aside.submit(write, piece)
        if before is not None:
            before.result()
            told(seen.rows)


def _note(table: pa.Table, names: list[str], seen: _Seen) -> None:
    seen.rows += table.num_rows
    for place, name in enumerate(names):
        if not name and delimited.has_values(table.column(place)):
            seen.valued.add(place)
    if seen.counts and delimited.ROW_NUMBERS.match(names[0]):
        seen.counts, seen.last = _rising(table.column(0), seen.last)


def _rising(column: pa.ChunkedArray, last: int) -> tuple[bool, int]:
    if not pc.all(pc.match_substring_regex(column, r"^\d{1,18}$"), skip_nulls=False).as_py():
        return False, last
    values = np.asarray(column.cast(pa.int64()))
    if not len(values):
        return True, last
    return bool(values[0] > last and (np.diff(values) > 0).all()), int(values[-1])


def _left_out(path: Path, names: list[str], wanted: Collection[str], seen: _Seen) -> dict[str, str]:
    """The columns that hold no data, and why; one of numbers that do not rise is looked at once more by itself."""
    told: dict[str, str] = {}
    for place, name in enumerate(names):
        if name and (name in wanted or place or not delimited.ROW_NUMBERS.match(name)):
            continue
        title = _title(place, name)
        column = _stand_in(seen, place)
        if column is None:
            column = parquet.read_table(path, columns=[title]).column(0)
        note = delimited.no_data(name, column, place, len(names))
        if note:
            told[title] = note
    check_names([
        name if name else "" for place, name in enumerate(names) if _title(place, name) not in told
    ])  # fmt: skip
    return told


def _stand_in(seen: _Seen, place: int) -> pa.ChunkedArray | None:
    """A short column of which the same is to be said, where that is known: empty, with values, or counting."""
    if place and place not in seen.valued:
        return pa.chunked_array([pa.nulls(min(seen.rows, 1), pa.string())])
    if place:
        return pa.chunked_array([pa.array(["x"])])
    return pa.chunked_array([pa.array(["1"][: seen.rows], pa.string())]) if seen.counts else None


def _settle(path: Path, target: Path, broken: Torn, left_out: list[str]) -> None:
    """Put the rows in their place, without the *broken* ones and the columns *left_out*."""
    if not broken.places and not left_out:
        path.replace(target)
        return
    first = 0
    with parquet.ParquetFile(path) as file:
        kept = [name for name in file.schema_arrow.names if name not in left_out]
        schema = pa.schema([(name, pa.string()) for name in kept])
        with parquet.ParquetWriter(target, schema, **FORM) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=kept).select(kept)
                places = np.arange(first, first + table.num_rows)
                writer.write_table(table.filter(pa.array(~np.isin(places, broken.places))))
                first += table.num_rows


def _title(place: int, name: str) -> str:
    return name or f"\0{place}"
