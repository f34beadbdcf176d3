"""Which lines DuckDB could not take, with their numbers in the file and reasons that a person understands."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from millrace_contracts.counting import counted
from millrace_contracts.shortening import shortened
from millrace_contracts.tables import KEPT, Reject, Rejects

if TYPE_CHECKING:
    import duckdb

SHOWN = 500
"""Letters of a line that are kept."""
SWALLOWING = ("UNQUOTED VALUE", "LINE SIZE OVER MAXIMUM")
REASONS = {
    "UNQUOTED VALUE": "A quote does not end, or text follows the quote that ends a cell.",
    "INVALID ENCODING": "It has bytes that are not UTF-8.",
    "LINE SIZE OVER MAXIMUM": "It is longer than 2 MB; a quote before it may not end.",
}
ALL = """
SELECT line_byte_position - 1, first(error_type ORDER BY byte_position), first(error_message ORDER BY byte_position),
       first(csv_line ORDER BY byte_position)
FROM reject_errors GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Refused:
    """A line that DuckDB refused: bytes before it, kind and message of the fault, and its text."""

    begins: int
    kind: str
    message: str
    text: str

    @property
    def swallowed(self) -> bool:
        """Whether a quote that does not end has made one of several lines."""
        return self.kind in SWALLOWING and "\n" in self.text.strip("\r\n")

    @property
    def lines(self) -> int:
        """Lines of the file that are lost with it."""
        return self.text.strip("\r\n").count("\n") + 1 if self.swallowed else 1


def refused(database: "duckdb.DuckDBPyConnection") -> list[Refused]:
    """What the last reading could not take, in the order of the file; reasons and texts of the first alone."""
    rows = database.execute(f"{ALL} LIMIT {KEPT}").fetchall()
    return [Refused(*row) for row in rows]


def count(database: "duckdb.DuckDBPyConnection") -> int:
    """How many lines the last reading could not take."""
    row = database.execute("SELECT count(DISTINCT line_byte_position) FROM reject_errors").fetchone()
    return int(row[0]) if row else 0


def forget(database: "duckdb.DuckDBPyConnection") -> None:
    """Make room for another reading."""
    database.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")


def told(lines: list[Refused], number: int, path: Path, before: int, columns: int) -> Rejects:
    """The rejects of the file at *path*, before whose begin stand so many lines that are not in it."""
    ends = _lines(path, [line.begins for line in lines[:KEPT]])
    kept = [
        Reject(line=before + end + 1, text=_shown(line.text), reason=_reason(line, columns))
        for line, end in zip(lines, ends, strict=False)
    ]
    return Rejects(count=number, kept=kept)


def _shown(text: str) -> str:
    return shortened(text.strip("\r\n"), SHOWN)


def _reason(line: Refused, columns: int) -> str:
    if line.kind in REASONS:
        return REASONS[line.kind]
    if line.kind == "TOO MANY COLUMNS":
        return f"It has more than {columns} cells."
    number = re.search(r"Found: (\d+)", line.message)
    return f"It has {counted(int(number.group(1)), 'cell')}, not {columns}." if number else line.message[:200]


def _lines(path: Path, places: list[int]) -> list[int]:
    """How many line ends come before each place (in bytes, rising)."""
    ends: list[int] = []
    count = at = 0
    with path.open("rb") as file:
        sign = _end_of_line(file.read(1 << 20))
        file.seek(0)
        for place in places:
            while at < place and (piece := file.read(min(1 << 20, place - at))):
                count, at = count + piece.count(sign), at + len(piece)
            ends.append(count)
    return ends


def _end_of_line(head: bytes) -> bytes:
    return b"\n" if b"\n" in head or b"\r" not in head else b"\r"
