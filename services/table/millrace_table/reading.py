"""Read a file as a table of raw columns and rejects, or refuse it in words that its owner understands."""

import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from millrace_contracts.counting import counted
from millrace_contracts.rows import Check
from millrace_contracts.tables import Dialect, Rejects
from millrace_table import arrays, cells, delimited, jsonl, opening, streamed, typed, workbooks
from millrace_table.names import check_names
from millrace_table.refusals import Unreadable
from millrace_table.streamed import Streamed, Told

LARGE = 1 << 26
"""Bytes from which a CSV file is read a piece at a time, and its rows are told meanwhile."""
LEFT_OUT = "line could not be read and is left out", "lines could not be read and are left out"


@dataclass(frozen=True)
class Loaded:
    """A file's rows, how it is written (None: its format leaves no choice), and what was not taken.

    The columns of *table* are strings (all of them for CSV; JSON values of mixed types), booleans, integers, floats,
    or timestamps. Types are settled later, by inference or by a contract.
    """

    table: pa.Table
    dialect: Dialect | None = None
    rejects: Rejects = field(default_factory=Rejects)
    notes: list[str] = field(default_factory=list)
    marked: delimited.Marked = field(default_factory=dict)
    """Words of text files that count as missing, by column, and how often each stands there."""

    @property
    def rows(self) -> int:
        """How many could be taken."""
        return int(self.table.num_rows)

    @property
    def share(self) -> float:
        """Rejects of all lines."""
        return self.rejects.share(self.rows)


def told(loaded: Loaded | Streamed) -> list[str]:
    """What the owner of a file should know of the reading: a sentence each."""
    lost = loaded.rejects
    if not lost.count:
        return loaded.notes
    first = f"; the first is line {lost.kept[0].line}: {lost.kept[0].reason}" if lost.kept else ""
    return [*loaded.notes, counted(lost.count, *LEFT_OUT) + first]


def read(data: bytes, format: str) -> pa.Table:
    """The rows of *data*, of which none may be a reject. Raises: Unreadable, as `load` does and for rejects."""
    loaded = load(data, format)
    refuse_rejects(loaded, 0.0)
    return loaded.table


def load(
    source: bytes | Path,
    format: str,
    dialect: Dialect | None = None,
    wanted: Collection[str] = (),
    told: Told = lambda rows: None,
) -> Loaded:
    """The rows of *source* and what could not be taken of it.

    Args:
        dialect: what is known of how it is written; the rest is found.
        wanted: names that are expected among its columns, which tell the header from other lines.
        told: is called again and again with how many rows of a large CSV file are read.
    Raises: Unreadable for an empty file, one without rows, an encoding that is not as said, duplicate or unnamed
        columns, or values that are no table cells.
    """
    with tempfile.TemporaryDirectory(prefix="millrace-") as name:
        folder = Path(name)
        path = source if isinstance(source, Path) else folder / "source"
        if isinstance(source, bytes):
            path.write_bytes(source)
        path = _unpacked(path, folder)
        if format == "csv" and path.stat().st_size >= LARGE:
            loaded = _in_pieces(path, folder, dialect or Dialect(), wanted, told)
        else:
            loaded = READERS[format](path, folder, dialect or Dialect(), wanted)
    check_names(loaded.table.column_names)
    if loaded.table.num_rows == 0 and not loaded.rejects.count:
        raise _no_rows()
    return loaded


def to_parquet(
    source: Path,
    target: Path,
    dialect: Dialect | None = None,
    wanted: Collection[str] = (),
    told: Told = lambda rows: None,
    format: str = "csv",
) -> Streamed:
    """Write the raw columns of a file, packed or not, into a Parquet file, in bounded memory.

    Args:
        format: csv, whose columns are strings, jsonl, parquet, arrow or xlsx.
        told: is called again and again with how many rows are read.
    Raises: Unreadable, as `load` does.
    """
    with tempfile.TemporaryDirectory(prefix="millrace-", dir=target.parent) as name:
        folder = Path(name)
        path, made = _unpacked(source, folder), folder.resolve() / "made.parquet"
        if format in typed.FORMATS:
            done = typed.to_parquet(path, format, made, wanted, told)
        elif format == "xlsx":
            done = _sheet_to_parquet(path, folder, made, dialect or Dialect(), wanted, told)
        elif format == "jsonl":
            done = _lines_to_parquet(path, folder, made, dialect or Dialect(), told)
        else:
            done = streamed.to_parquet(path, made, folder, dialect or Dialect(), wanted, told)
        if not done.rows and not done.rejects.count:
            raise _no_rows()
        made.replace(target)
        return done


def is_large(path: Path, format: str) -> bool:
    """Whether the file at *path*, or what is packed in it, is better read by `to_parquet`."""
    return likely_bytes(path, format) >= LARGE


def likely_bytes(path: Path, format: str) -> int:
    """How many the rows of a file are likely to take as text."""
    packs = opening.packing(path) or format in ("parquet", "xlsx")
    return path.stat().st_size * (opening.PACKS if packs else 1)


def _unpacked(source: Path, folder: Path) -> Path:
    """The file without its packing. Raises: Unreadable if nothing is in it."""
    path = opening.unpacked(source, folder)
    if not path.stat().st_size or _is_blank(path):
        raise Unreadable("file", "The file is empty.", "Send a file with a header and rows.")
    return path


def _no_rows() -> Unreadable:
    seen, mend = "The file has a header and no rows.", "Send the rows too."
    return Unreadable("rows", seen, mend, allowed="at least 1")


def refuse_rejects(loaded: Loaded | Streamed, at_most: float) -> None:
    """Raises: Unreadable if more than the share *at_most* of the lines could not be taken."""
    if loaded.rejects.count == 0 or (loaded.share <= at_most and loaded.rows):
        return
    kept = loaded.rejects.kept
    share = f"{loaded.share:.2%} of all"
    raise Unreadable(
        "lines",
        f"{counted(loaded.rejects.count, 'line')} cannot be read ({share}); line {kept[0].line}: {kept[0].reason}",
        "Mend them, say how the file is written (--delimiter, --quote, --escape, --encoding, --header-line), "
        "or allow more by `rejects_at_most` in the contract.",
        allowed=f"at most {at_most:.2%}",
        rows=loaded.rejects.count,
        examples=[f"line {line.line}: {line.reason} {line.text[:80]}" for line in kept[:5]],
    )


def checks(loaded: Loaded | Streamed) -> list[Check]:
    """What a report shows of the reading: its notes, and the lines that could not be taken."""
    said = [_noted("file", note.removesuffix(".")) for note in loaded.notes]
    lost = loaded.rejects
    if lost.count:
        seen = (
            f"{counted(lost.count, 'line')} could not be read ({loaded.share:.2%} of all), kept in the report"
        )
        shown = [f"line {line.line}: {line.reason} {line.text[:80]}" for line in lost.kept[:5]]
        said.append(_noted("lines", seen, lost.count, shown))
    return said


def _noted(check: str, observed: str, rows: int = 0, examples: list[str] | None = None) -> Check:
    mend = "Look whether that is as it should be."
    return Check.noted(check, observed, "", mend, rows=rows, examples=examples or [])


def _is_blank(path: Path) -> bool:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            if piece.strip():
                return False
    return True


def _delimited(path: Path, folder: Path, dialect: Dialect, wanted: Collection[str]) -> Loaded:
    split = delimited.read(path, folder, dialect, wanted)
    return Loaded(split.table, split.dialect, split.rejects, split.notes, split.marked)


def _in_pieces(path: Path, folder: Path, dialect: Dialect, wanted: Collection[str], told: Told) -> Loaded:
    import pyarrow.parquet as parquet

    target = folder.resolve() / "pieces.parquet"
    done = streamed.to_parquet(path, target, folder, dialect, wanted, told)
    return Loaded(parquet.read_table(target), done.dialect, done.rejects, done.notes, done.marked)


def _jsonl(path: Path, folder: Path, dialect: Dialect, wanted: Collection[str]) -> Loaded:
    text = opening.text(path, folder, dialect.encoding)
    table, rejects = jsonl.read(text.path.read_bytes())
    return Loaded(table, dialect.of_values.model_copy(update={"encoding": text.encoding}), rejects)


def _lines_to_parquet(path: Path, folder: Path, target: Path, dialect: Dialect, told: Told) -> Streamed:
    import pyarrow.parquet as parquet

    text = opening.text(path, folder, dialect.encoding)
    lines = arrays.as_lines(text.path, folder) if jsonl.is_array(text.path) else None
    schema, pieces, rejects = jsonl.in_pieces(lines or text.path, streamed.PIECE, told)
    check_names(schema.names)
    rows = 0
    with parquet.ParquetWriter(target, schema, **streamed.FORM) as writer:
        for piece in pieces:
            writer.write_table(piece)
            rows += piece.num_rows
    told(rows)
    written = dialect.of_values.model_copy(update={"encoding": text.encoding})
    return Streamed(rows, written, rejects, [], {})


def _parquet(path: Path, folder: Path, dialect: Dialect, wanted: Collection[str]) -> Loaded:
    import pyarrow.parquet as parquet

    with typed.readable("parquet"):
        file = parquet.ParquetFile(path)
        check_names(file.schema_arrow.names)
        table = file.read()
    return _typed(table, wanted)


def _arrow(path: Path, folder: Path, dialect: Dialect, wanted: Collection[str]) -> Loaded:
    with typed.readable("arrow"), pa.OSFile(str(path)) as file:
        begin = file.read(8)
        file.seek(0)
        reader = pa.ipc.open_file(file) if begin.startswith(b"ARROW1") else pa.ipc.open_stream(file)
        return _typed(reader.read_all(), wanted)


def _workbook(path: Path, folder: Path, dialect: Dialect, wanted: Collection[str]) -> Loaded:
    table, sheet = workbooks.read(path, dialect, wanted)
    check_names([name or f"c{place}" for place, name in enumerate(sheet.names)])
    table, left_out = delimited.named_table(table, sheet.names, wanted)
    return Loaded(table, sheet.dialect, notes=[*sheet.notes, *left_out])


def _sheet_to_parquet(
    path: Path, folder: Path, target: Path, dialect: Dialect, wanted: Collection[str], told: Told
) -> Streamed:
    import pyarrow.parquet as parquet

    done = workbooks.named_parquet(path, target, folder, dialect, wanted, told)
    if done is None:
        loaded = _workbook(path, folder, dialect, wanted)
        parquet.write_table(loaded.table, target, **streamed.FORM)
        return Streamed(loaded.rows, loaded.dialect, Rejects(), loaded.notes, {})
    return done


def _typed(table: pa.Table, wanted: Collection[str]) -> Loaded:
    """The columns in the platform's types, without an index of pandas that nobody asked for."""
    check_names(table.column_names)
    names, notes = typed.without_index(table.column_names, wanted)
    return Loaded(pa.table({name: cells.raw(table.column(name)) for name in names}), notes=notes)


Reader = Callable[[Path, Path, Dialect, Collection[str]], Loaded]
READERS: dict[str, Reader] = {
    "csv": _delimited,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
    "xlsx": _workbook,
}
