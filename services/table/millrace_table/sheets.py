"""A large sheet of an Excel workbook in parts: calamine reads sheets whole, so each part is made a workbook of its own.

A workbook is a zip of XML. The rows are cut between two of them, and each part is put beside everything else that the
workbook says (its words, its forms of dates), so that a cell means the same whatever the size of its sheet.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import join, normpath
from typing import IO
from xml.etree import ElementTree

from millrace_table.refusals import Unreadable

PART = 24 << 20
"""Bytes of XML that are a part: about 600,000 cells."""
CHUNK = 1 << 20
BOOK, RELATED = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
NEEDED = (".xml", ".rels")
OPENS, CLOSES, ROW = b"<sheetData>", b"</sheetData>", (b"<row ", b"<row>", b"<row/")
END = CLOSES + b"</worksheet>"
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile says of an archive that is damaged, cut off, packed in a way it does not know, or locked."""


def damaged() -> Unreadable:
    """The refusal of a file that cannot be read as a workbook."""
    seen = "This is not an Excel workbook (.xlsx), or it is damaged or locked."
    return Unreadable("file", seen, "Save it again.")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The workbook as the zip that it is. Raises: Unreadable, also while it is read."""
    try:
        with zipfile.ZipFile(path) as book:
            yield book
    except BROKEN as error:
        raise damaged() from error


def parts(path: Path, sheet: str, folder: Path) -> Iterator[Path]:
    """Workbooks with some rows each of the *sheet*, in turn, in one file of the *folder*; none if it is not large.

    Raises: Unreadable for a damaged one.
    """
    with _opened(path) as book:
        place = _place(book, sheet)
        if place is None or book.getinfo(place).file_size <= PART:
            return
        others = [
            name
            for name in book.namelist()
            if name.endswith(NEEDED) and name != place and not _is_sheet(name)
        ]
        with book.open(place) as file:
            for rows in _cut(file):
                yield _made(book, others, place, rows, folder / "part.xlsx")


def is_large(path: Path, sheet: str) -> bool:
    """Whether `parts` has any, which are to be read instead of the whole. Raises: Unreadable for a damaged one."""
    if not zipfile.is_zipfile(path):
        return False
    with _opened(path) as book:
        place = _place(book, sheet)
        if place is None or book.getinfo(place).file_size <= PART:
            return False
        with book.open(place) as file:
            return OPENS in file.read(CHUNK)


def _is_sheet(name: str) -> bool:
    return name.startswith(("xl/worksheets/", "xl/drawings/", "xl/pivot", "docProps/", "xl/charts/"))


def _place(book: zipfile.ZipFile, sheet: str) -> str | None:
    """Where in the zip the *sheet* lies; None for a workbook that is put together in another way than Excel does."""
    if not {BOOK, RELATED} <= set(book.namelist()):
        return None
    about, related = _plain(book, BOOK), _plain(book, RELATED)
    if about is None or related is None:
        return None
    targets = {item.get("Id"): item.get("Target", "") for item in related}
    for item in about.iter():
        if item.tag.endswith("}sheet") and item.get("name") == sheet:
            ids = (value for key, value in item.items() if key.endswith("}id"))
            target = targets.get(next(ids, ""), "")
            place = target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
            return place if place in book.namelist() else None
    return None


def _plain(book: zipfile.ZipFile, name: str) -> ElementTree.Element | None:
    """A small part of the workbook; None for one that is large, declares what it may stand for, or is no XML."""
    if book.getinfo(name).file_size > CHUNK:
        return None
    text = book.read(name)
    try:
        return None if b"<!DOCTYPE" in text else ElementTree.fromstring(text)  # noqa: S314  no entities without it
    except ElementTree.ParseError:
        return None


def _cut(file: IO[bytes]) -> Iterator[bytes]:
    """The XML of a sheet, some rows at a time, each with what stands before the first row.

    It is cut before a row, which may have cells or be empty. What stands behind the rows (links, rules of colours) says
    nothing of cells: it is read, as the zip has its checksum at its end, and not held.
    """
    held = file.read(CHUNK)
    head = held[: held.index(OPENS) + len(OPENS)]
    held = held[len(head) :]
    while CLOSES not in held[-len(CLOSES) - CHUNK :] and (chunk := file.read(CHUNK)):
        held += chunk
        end = max(map(held.rfind, ROW)) if len(held) >= PART else 0
        if end > 0:
            yield head + held[:end] + END
            held = held[end:]
    yield head + held.partition(CLOSES)[0] + END
    while file.read(CHUNK):
        pass


def _made(book: zipfile.ZipFile, others: list[str], place: str, rows: bytes, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as part:
        for name in others:
            with book.open(name) as source, part.open(name, "w") as out:
                while piece := source.read(CHUNK):
                    out.write(piece)
        part.writestr(place, rows)
    return target
