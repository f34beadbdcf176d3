"""Files that are no text whatever their ending says: told by how they begin, and refused by what they are."""

import re

from millrace_table.refusals import Unreadable

KINDS: dict[bytes, tuple[str, str]] = {
    b"PAR1": ("Parquet", "Give its name the ending .parquet."),
    b"ARROW1": ("Arrow or Feather", "Give its name the ending .arrow."),
    b"PK\x03\x04": (
        "a ZIP archive or an Excel workbook",
        "Unpack an archive; give a workbook's name the ending .xlsx.",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls)", "Save it as .xlsx or CSV."),
    b"SQLite format 3": (
        "an SQLite database",
        "Fetch its rows by a source, sqlite:///PATH, and name the table.",
    ),
    b"%PDF-": ("a PDF document", "Export the table itself, as CSV or Excel."),
    b"version https://git-lfs.github.com": ("a pointer of Git LFS", "Fetch the file itself: git lfs pull."),
}
PAGE = re.compile(rb"\s*(<!doctype html|<html|<\?xml)", re.IGNORECASE)


def refuse(begin: bytes) -> None:
    """Raises: Unreadable if a file that begins so is no table of text, with what it is and what to do."""
    kind = next((told for mark, told in KINDS.items() if begin.startswith(mark)), None)
    if kind is None and PAGE.match(begin.removeprefix(b"\xef\xbb\xbf")):
        kind = (
            "an HTML or XML document",
            "Is it the page of a login or of an error? Fetch the table itself, as CSV.",
        )
    if kind is not None:
        what, mend = kind
        raise Unreadable("file", f"The file is {what}, and no text with rows.", mend, allowed="text")
