"""Copies of a text file without what DuckDB would take wrongly: titles, comments, blank lines, stray line ends."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from millrace_table.layouts import Layout

CHUNK = 1 << 22
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)")


def cut(source: Path, target: Path, begins: int) -> None:
    """Copy what stands behind the first *begins* bytes."""
    with source.open("rb") as file, target.open("wb") as out:
        file.seek(begins)
        shutil.copyfileobj(file, out, CHUNK)


def blanked(source: Path, folder: Path, places: list[int]) -> Path:
    """A copy whose lines at *places* (bytes before them) are blank; all else stays at its place."""
    target = folder / "blanked.csv"
    if source != target:
        shutil.copyfile(source, target)
    with target.open("r+b") as file:
        for place in places:
            file.seek(place)
            length = len(file.readline().rstrip(b"\r\n"))
            file.seek(place)
            file.write(b"\n" * length)
    return target


def clean(source: Path, target: Path, layout: Layout) -> None:
    """Copy the rows with one kind of line end, without comments, and without blank lines where there is one column."""
    dialect = layout.dialect
    quote = (dialect.quote or "").encode()
    comment = (dialect.comment or "").encode()
    with target.open("wb") as out:
        inside = False
        for line in _lines(source, layout.begins):
            if inside:
                out.write(line)
            elif comment and line.startswith(comment):
                out.write(b"\n")
                continue
            elif line.strip() or len(layout.names) > 1:
                out.write(line.rstrip(b"\r\n") + b"\n")
            inside = inside != bool(quote and line.count(quote) % 2)


def _lines(source: Path, begins: int) -> Iterator[bytes]:
    """Lines with their ends, of whatever kind."""
    rest = b""
    with source.open("rb") as file:
        file.seek(begins)
        while piece := file.read(CHUNK):
            rest += piece
            held = rest.endswith(b"\r")
            last = 0
            for found in LINE.finditer(rest, 0, len(rest) - held):
                yield found.group()
                last = found.end()
            rest = rest[last:]
    if rest:
        yield rest
