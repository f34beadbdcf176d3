"""Finds how a text file is written: by rule where one rule fits every line, by DuckDB's sniffer where none does."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from millrace_contracts.tables import Dialect
from millrace_table import engine, headers
from millrace_table.headers import Record
from millrace_table.refusals import Unreadable
from millrace_table.texts import MARKS

HEAD = 1 << 20
"""Bytes at the begin of a file by which its dialect is found."""
LINES = 1000
DELIMITERS = (",", ";", "\t", "|")
LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
SEPARATOR = re.compile(r'^"?sep=(.)"?\s*$', re.IGNORECASE)
"""The line by which Excel is told the delimiter."""
SINGLE = re.compile(r"(^|[,;\t|])'[^'\r\n]*'([,;\t|]|\s*$)")
"""A cell in single quotes."""
CUT = re.compile(r"\s*'[^']*$")
"""A cell that begins with a single quote and ends without one."""
MISSING = [*MARKS, "\\N"]
"""What counts as a missing value, where nothing else is said."""


@dataclass(frozen=True)
class Layout:
    """A dialect, open only in what cells tell, the names of the columns, and where the rows begin.

    begins: bytes before the first row; lines: lines before it.
    """

    dialect: Dialect
    names: list[str]
    begins: int
    lines: int
    notes: list[str] = field(default_factory=list)
    spaced: bool = False
    """Whether a space stands behind each delimiter, which is no part of the cell."""


@dataclass(frozen=True)
class _Way:
    """One way to split the lines, and how well it fits."""

    delimiter: str
    quote: str
    escape: str
    records: list[Record]

    @cached_property
    def width(self) -> int:
        return Counter(len(record.cells) for record in self.records).most_common(1)[0][0]

    @cached_property
    def even(self) -> float:
        """Share of the records with the usual number of cells."""
        return sum(len(record.cells) == self.width for record in self.records) / len(self.records)

    @cached_property
    def torn(self) -> bool:
        """Whether cells in single quotes were cut, as their delimiters were taken for the file's."""
        if self.quote == "'":
            return False
        cut = sum(any(CUT.match(cell) for cell in record.cells) for record in self.records)
        return cut > 0.1 * len(self.records)

    @property
    def first(self) -> bool:
        """Whether the first record has the usual number of cells."""
        return len(self.records[0].cells) == self.width

    @property
    def rank(self) -> tuple[float, bool, bool, int]:
        return (round(self.even, 2) if self.width > 1 else 0.0, not self.torn, self.first, self.width)


class _Form(csv.Dialect):
    """A way to split as the csv module takes it, which knows delimiters of one sign alone."""

    lineterminator = "\n"
    skipinitialspace = True
    strict = True

    def __init__(self, delimiter: str, quote: str, escape: str) -> None:
        self.delimiter = delimiter[0]
        self.quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
        self.quotechar = quote or None
        self.doublequote = escape == quote
        self.escapechar = escape if escape and escape != quote else None
        super().__init__()


def find(path: Path, folder: Path, asked: Dialect, wanted: Collection[str]) -> Layout:
    """The layout of the UTF-8 file at *path*; what *asked* says is kept, the rest is found.

    Args:
        wanted: names that are expected among the columns; a line that has most of them is the header.
    Raises: Unreadable for a file without lines, or whose header cannot be told.
    """
    head = _head(path)
    hint = SEPARATOR.match(head[0]) if head else None
    before = 1 if hint else 0
    if asked.header_line is not None:
        before = max(before, asked.header_line - 1)
    lines = head[before:]
    comment = _comment(lines, asked)
    kept = [line if not comment or not line.startswith(comment) else "\n" for line in lines]
    if not any(line.strip() for line in kept):
        raise Unreadable("file", "The file has no lines to read.", "Send a file with a header and rows.")
    way = _way(kept, path, folder, _told(asked, hint), wanted)
    header = headers.header(way.records, way.width, wanted, asked.header_line)
    after = before + header.lines
    dialect = Dialect(
        delimiter=way.delimiter,
        quote=way.quote,
        escape=way.escape,
        encoding=asked.encoding,
        header_line=before + header.first_line if header.first_line else 0,
        comment=comment,
        decimal=asked.decimal,
        thousands=asked.thousands,
        missing=MISSING if asked.missing is None else asked.missing,
        date_order=asked.date_order,
    )
    begins = sum(len(line.encode("utf-8", "surrogateescape")) for line in head[:after])
    return Layout(dialect, header.names, begins, after, header.notes, _is_spaced(kept, way))


def _is_spaced(lines: list[str], way: _Way) -> bool:
    """Whether a space follows every delimiter of the lines, but for those in quotes."""
    delimiter, quote = re.escape(way.delimiter), re.escape(way.quote)
    if way.delimiter.isspace() or way.width == 1:
        return False
    text = "".join(lines)
    if way.quote:
        text = re.sub(f"{quote}[^{quote}]*{quote}", "", text)
    return re.search(f"{delimiter}(?! )", text) is None


def _head(path: Path) -> list[str]:
    """The first lines with their ends; a last line that is cut off is left out."""
    with path.open("rb") as file:
        begin = file.read(HEAD)
        whole = not file.read(1)
    lines = LINE.findall(begin.decode("utf-8", "surrogateescape"))
    return lines[:LINES] if whole or len(lines) > LINES else lines[:-1] or lines


def _told(asked: Dialect, hint: re.Match[str] | None) -> Dialect:
    """What is asked, with the delimiter of a `sep=` line where none is."""
    if hint is None or asked.delimiter is not None:
        return asked
    return asked.model_copy(update={"delimiter": hint.group(1)})


def _comment(lines: list[str], asked: Dialect) -> str:
    """`#` when the file begins with lines of words behind it, and the line after them begins otherwise."""
    if asked.comment is not None:
        return asked.comment
    full = [line for line in lines if line.strip()]
    number = next((place for place, line in enumerate(full) if not line.startswith("#")), 0)
    fewer = all(
        max(line.count(sign) for sign in DELIMITERS) < max(map(full[number].count, DELIMITERS))
        for line in full[:number]
    )
    return "#" if number and fewer else ""


def _way(lines: list[str], path: Path, folder: Path, asked: Dialect, wanted: Collection[str]) -> _Way:
    """The way that fits best: the sign that is most frequent in the header, if every line agrees with it."""
    first = next(line for line in lines if line.strip())
    usual = max(DELIMITERS, key=first.count)
    quote = '"' if asked.quote is None else asked.quote
    named = [asked.delimiter] if asked.delimiter else sorted(DELIMITERS, key=lambda sign: sign != usual)
    ways = [_split(lines, sign, quote, asked.escape or quote) for sign in named]
    if ways[0].even == 1 and (ways[0].width > 1 or asked.delimiter) and not ways[0].torn:
        return ways[0]
    if asked.escape is None and any("\\" + quote in line for line in lines):
        ways += [_split(lines, sign, quote, "\\") for sign in named]
    if asked.quote is None and any(SINGLE.search(line) for line in lines):
        ways += [_split(lines, sign, "'", "'") for sign in named]
    best = max(ways, key=lambda way: way.rank)
    if asked.delimiter is None and best.even < 0.9:
        spaced = _split(lines, " ", quote, quote)
        nothing_else = best.even < 0.5 and spaced.rank > best.rank and spaced.first
        if spaced.width > 2 and (spaced.even > 0.9 or nothing_else):
            return spaced
    if asked.delimiter is None and (best.width == 1 or best.even < 0.9):
        other = _sniffed(lines, path, folder)
        if other is not None and other.width > 2 and other.even == 1:
            return other
    return best


def _sniffed(lines: list[str], path: Path, folder: Path) -> _Way | None:
    """What DuckDB says of files that no usual delimiter splits."""
    import duckdb

    sample = folder / "head.csv"
    sample.write_bytes("".join(lines).encode("utf-8", "replace"))
    with engine.engine(folder) as database:
        try:
            found = database.execute(
                "SELECT Delimiter, Quote FROM sniff_csv(?, all_varchar=true)", [str(sample)]
            ).fetchone()
        except duckdb.Error:
            return None
    if found is None or found[0] in DELIMITERS:
        return None
    quote = found[1] if len(found[1]) == 1 else '"'
    return _split(lines, found[0], quote, quote)


def _split(lines: list[str], delimiter: str, quote: str, escape: str) -> _Way:
    """The lines as records; one whose quotes do not end is a record without cells, and the next line begins anew."""
    records: list[Record] = []
    place = bad = 0
    while place < len(lines):
        reader = csv.reader(lines[place:], _Form(delimiter, quote, escape))
        start = place
        try:
            for cells in reader:
                if any(line.strip() for line in lines[start : place + reader.line_num]):
                    records.append(Record(start + 1, place + reader.line_num, _joined(cells, delimiter)))
                start = place + reader.line_num
            break
        except csv.Error:
            records.append(Record(start + 1, start + 1, []))
            place, bad = start + 1, bad + 1
            if bad > 50:
                break
    return _Way(delimiter, quote, escape, records)


def _joined(cells: list[str], delimiter: str) -> list[str]:
    """Cells of a delimiter of several signs, of which the csv module knows the first only."""
    if len(delimiter) == 1:
        return cells
    text = delimiter[0].join(cells)
    return next(csv.reader(io.StringIO(text.replace(delimiter, "\x1f")), delimiter="\x1f"))
