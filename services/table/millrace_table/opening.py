"""Makes of any file one that DuckDB can read in place: unpacked, and in UTF-8."""

import codecs
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from millrace_contracts.tables import Encoding
from millrace_table import magic
from millrace_table.refusals import Unreadable

CHUNK = 1 << 22
UNPACKED_AT_MOST = 1 << 38
"""Bytes that a packed file may become: what is larger is a bomb, or nothing for one file."""
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
"""How packed files begin."""
PACKS = 8
"""So many times larger a packed table is likely to be."""
MARKS: dict[bytes, Encoding] = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
WIDE = ("utf-16", "utf-16-le", "utf-16-be")
PYTHON = {"windows-1252": "cp1252", "latin-1": "latin-1"}
ESCAPED = re.compile("[\udc80-\udcff]")
CONTROLS = {chr(0xDC00 + byte) for byte in range(0x80, 0xA0)}
UNDEFINED = {chr(0xDC00 + byte) for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
"""Bytes that Windows-1252 does not have."""
SAVE = "Save the file as UTF-8, or say its --encoding."


@dataclass(frozen=True)
class Text:
    """A text file in UTF-8, without a byte order mark at its begin; *encoding* is what it was written in.

    note: that it was not written as it was said to be.
    """

    path: Path
    encoding: Encoding
    note: str = ""


def packing(source: Path) -> str | None:
    """By what a file is packed; None: it is not."""
    with source.open("rb") as file:
        begin = file.read(4)
    return next((name for magic, name in PACKED.items() if begin.startswith(magic)), None)


def unpacked(source: Path, folder: Path) -> Path:
    """*source*, or what it holds when it is packed by gzip, zstd or bzip2. Raises: Unreadable."""
    kind = packing(source)
    if kind is None:
        return source
    target, written = folder / "unpacked", 0
    try:
        with pa.input_stream(str(source), compression=kind) as packed, target.open("wb") as out:
            while piece := packed.read(CHUNK):
                written += out.write(piece)
                if written > UNPACKED_AT_MOST:
                    raise Unreadable("file", "The packed file is too large.", "Send it in several pieces.")
    except (OSError, pa.ArrowException, EOFError) as error:
        raise Unreadable("file", f"The file is packed by {kind}, and damaged.", "Pack it again.") from error
    return target


def text(source: Path, folder: Path, encoding: Encoding | None) -> Text:
    """*source* as UTF-8; its encoding is what its bytes say, or *encoding* where they leave it open.

    Raises: Unreadable if it cannot be written in *encoding*.
    """
    with source.open("rb") as file:
        begin = file.read(1 << 16)
    mark = next((mark for mark in MARKS if begin.startswith(mark)), b"")
    magic.refuse(begin)
    seen = MARKS.get(mark) or _wide(begin) or _by_its_bytes(source)
    written = _agreed(encoding, seen, begin)
    differs = encoding is not None and written != encoding and not {encoding, written} <= set(WIDE)
    note = f"The file is {written}, and not {encoding}." if differs else ""
    if written == "utf-8" or seen is None:
        _refuse_nulls(source)
        return Text(_without(source, folder / "text", len(mark)) if mark else source, written, note)
    target = folder / "text"
    _transcode(source, target, PYTHON.get(written, written))
    _refuse_nulls(target)
    return Text(target, written, note)


def _agreed(said: Encoding | None, seen: Encoding | None, begin: bytes) -> Encoding:
    """What was said, but where the bytes prove it wrong: UTF-8 that is said to be none, the reverse, and UTF-16.

    Every line end and delimiter of UTF-16 has a null byte, which no other text has. `utf-16` with neither mark nor
    Latin letters leaves its order open: machines write the low byte first.
    """
    if said in WIDE:
        if seen in WIDE or b"\0" not in begin:
            return seen or "utf-8"
        return "utf-16-le" if said == "utf-16" else said
    if seen in WIDE:
        return seen
    if seen is None:
        return said or "utf-8"
    mistaken = {said, seen} <= {"utf-8", *PYTHON} and "utf-8" in (said, seen)
    return seen if said is None or mistaken else said


def _wide(begin: bytes) -> Encoding | None:
    """UTF-16 without a mark: every other byte of Latin text is null."""
    half = max(len(begin) // 2, 1)
    if begin[1::2].count(0) > 0.7 * half and begin[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if begin[::2].count(0) > 0.7 * half and begin[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def _by_its_bytes(source: Path) -> Encoding | None:
    """UTF-8 if most of what is not ASCII is; else what a European machine of old writes; None: all is ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    right = wrong = 0
    strange: set[str] = set()
    for piece in _pieces(source):
        if piece.isascii() and not decoder.getstate()[0]:
            continue
        letters = decoder.decode(piece)
        escaped = ESCAPED.findall(letters)
        strange |= set(escaped)
        wrong += len(escaped)
        right += len(letters) - len(letters.encode("ascii", "ignore")) - len(escaped)
    if wrong <= right:
        return "utf-8" if right else None
    return "windows-1252" if strange & CONTROLS and not strange & UNDEFINED else "latin-1"


def _pieces(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _refuse_nulls(source: Path) -> None:
    if any(b"\0" in piece for piece in _pieces(source)):
        seen = "The file has null characters, so it is not text."
        raise Unreadable("encoding", seen, SAVE, allowed="text")


def _without(source: Path, target: Path, bytes_at_begin: int) -> Path:
    with source.open("rb") as file, target.open("wb") as out:
        file.seek(bytes_at_begin)
        shutil.copyfileobj(file, out, CHUNK)
    return target


def _transcode(source: Path, target: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with target.open("wb") as out:
        try:
            for piece in _ended(source):
                letters = decoder.decode(piece, final=not piece)
                lines += letters.count("\n")
                _write(out, letters)
        except UnicodeDecodeError as error:
            seen = f"After line {lines} the file is not {encoding}: {error.reason}."
            raise Unreadable("encoding", seen, SAVE, allowed=encoding) from error


def _ended(source: Path) -> Iterator[bytes]:
    yield from _pieces(source)
    yield b""


def _write(out: IO[bytes], letters: str) -> None:
    out.write(letters.removeprefix("\ufeff").encode("utf-8", "replace"))
