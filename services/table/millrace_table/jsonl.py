"""JSON lines: one object a row; a column of mixed values is kept as text, so that a check can show it.

DuckDB's reader of JSON is not used: it keeps no rejects, and guesses the types that a contract is to decide.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa

from millrace_contracts.streams import odd_name
from millrace_contracts.tables import KEPT, Reject, Rejects
from millrace_table import one_object, tensors
from millrace_table.refusals import Unreadable

Row: TypeAlias = dict[str, Any]
CHUNK = 1 << 20
LINE = 1 << 26
"""Bytes of a line from which it is no row, so that a file without line ends is not held."""
EXACT = 2**53
"""The largest whole number up to which a float64 has them all; longer ones beside fractions are kept as text."""
PLAIN = "Write plain values, or lists of numbers of one shape; spread an object over several columns."


class NoRow(Exception):
    """The line is no row; the text says why."""


def read(data: bytes) -> tuple[pa.Table, Rejects]:
    """A table with the objects' keys as columns, and the lines that are no objects.

    A key that an object lacks is missing. A file that is one array of objects is read like their lines.
    Raises: Unreadable if no line is an object, or a cell is none.
    """
    seen, rows = Seen(), list[Row]()
    for number, line in _lines(data):
        row = seen.row(number, line)
        if row is not None:
            rows.append(row)
    if len(rows) < 2:
        one_object.refuse(data)
    seen.check()
    return _table(rows, seen.schema), seen.rejects


def in_pieces(
    path: Path, size: int, told: Callable[[int], None]
) -> tuple[pa.Schema, Iterator[pa.Table], Rejects]:
    """The same of a file of any size, *size* rows at a time: it is read once for the types, and once for the rows.

    Raises: Unreadable, as for the whole file.
    """
    seen, rows = Seen(), 0
    for number, line in _lines_of(path):
        rows += seen.row(number, line) is not None
        if rows % size == 0:
            told(rows)
    if rows < 2:
        if path.stat().st_size <= LINE:
            one_object.refuse(path.read_bytes())
        else:
            one_object.refuse_large(path)
    seen.check()
    return seen.schema, _pieces(path, seen.schema, size), seen.rejects


def is_array(path: Path) -> bool:
    """Whether the file may be one array of objects."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            if begin := piece.lstrip():
                return begin.startswith(b"[")
    return False


def _pieces(path: Path, schema: pa.Schema, size: int) -> Iterator[pa.Table]:
    again = Seen()
    rows = (row for number, line in _lines_of(path) if (row := again.row(number, line)) is not None)
    while held := list(islice(rows, size)):
        yield _table(held, schema)


class Seen:
    """What is known of the columns of a file after some of its lines."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[type]] = {}
        self._nested: dict[str, str] = {}
        self._shapes: dict[str, list[int] | None] = {}
        self._wide: set[str] = set()
        self._long: set[str] = set()
        self._objects: dict[str, str] = {}
        self._rows, self._odd, self.rejects = 0, 0, Rejects()

    def row(self, number: int, line: bytes) -> Row | None:
        """The row in a line; None for one that is none, which is kept as a reject."""
        try:
            row = _row(line)
            self._check_plain(row)
        except NoRow as error:
            if self.rejects.count < KEPT:
                text = line[:1000].decode(errors="replace")
                self.rejects.kept.append(Reject(line=number, text=text, reason=str(error)))
            self.rejects.count += 1
            return None
        self._rows += 1
        for name, value in row.items():
            self._note(name, value)
        return row

    def _check_plain(self, row: Row) -> None:
        """Raises: NoRow for a row with a cell that no column could hold; where most are so, the file is refused."""
        odd = odd_name(row)
        if odd is None:
            return
        self._odd += 1
        if not odd:
            raise NoRow("One of its names is empty.")
        self._objects.setdefault(odd, f"Row {self._rows + self._odd} holds an object.")
        raise NoRow(f"'{odd[:100]}' holds an object.")

    def _note(self, name: str, value: Any) -> None:
        kinds, kind = self._kinds.setdefault(name, set()), type(value)
        if value is None:
            return
        kinds.add(kind)
        if kind is int:
            self._note_long(name, value)
        elif kind is list:
            self._note_list(name, value)

    def _note_long(self, name: str, value: int) -> None:
        """Whole numbers that fractions, or the integers of a table, do not keep."""
        if abs(value) > EXACT:
            self._long.add(name)
            if not -(2**63) <= value < 2**63:
                self._wide.add(name)

    def _note_list(self, name: str, value: list[Any]) -> None:
        """Lists of numbers are tensors, all of one shape."""
        shape = tensors.of_cell(value)
        known = self._shapes.setdefault(name, shape)
        if shape is None:
            self._nested.setdefault(name, f"Row {self._rows} holds a list that is no tensor of numbers.")
        elif shape != known:
            told = f"Row {self._rows} has the shape {shape}, expected {known} as in the rows before."
            self._nested.setdefault(name, told)

    def check(self) -> None:
        """Raises: Unreadable if no line is an object, or a cell is none."""
        if self._odd > self._rows:
            raise self._oddly()
        if not self._rows:
            kept = self.rejects.kept
            raise Unreadable(
                "file",
                f"Line {kept[0].line} is not {kept[0].reason.removeprefix('It is not ')}"
                if kept
                else "The file has no rows.",
                'Write a row a line, in UTF-8, like {"column": value}; a missing number is null, not NaN.',
                examples=[f"line {reject.line}: {reject.text[:60]}" for reject in kept[:5]],
            )
        mixed = (name for name in self._shapes if self._kinds[name] != {list})
        self._nested |= dict.fromkeys(mixed, "Some rows hold a list, and others do not.")
        nested = next((name for name in self._kinds if name in self._nested), None)
        if nested is not None:
            raise Unreadable("type", self._nested[nested], PLAIN, column=nested)

    def _oddly(self) -> Unreadable:
        for name, told in self._objects.items():
            return Unreadable("type", told, PLAIN, column=name)
        return Unreadable("columns", "A column has no name.", "Give every column a name.")

    @property
    def schema(self) -> pa.Schema:
        """The columns, in the order in which they came."""
        return pa.schema([(name, self._kind(name)) for name in self._kinds])

    def _kind(self, name: str) -> pa.DataType:
        kinds, shape = self._kinds[name], self._shapes.get(name)
        if shape is not None:
            return tensors.kind(shape, pa.float64())
        if kinds == {bool}:
            return pa.bool_()
        if kinds == {int} and name not in self._wide:
            return pa.int64()
        long = name in self._wide or (float in kinds and name in self._long)
        return pa.float64() if kinds and kinds <= {int, float} and not long else pa.string()


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; an array's items, each at line 0."""
    if data.lstrip()[:1] == b"[":
        try:
            items = orjson.loads(data)
        except orjson.JSONDecodeError:
            items = None
        if isinstance(items, list) and all(isinstance(item, dict) for item in items):
            yield from ((0, orjson.dumps(item)) for item in items)
            return
    yield from ((number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip())


def _lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    yield from ((number, line) for number, line in enumerate(_split(path), 1) if line.strip())


def _split(path: Path) -> Iterator[bytes]:
    """The lines of a file; of one that is longer than any row its begin."""
    held, cut = b"", False
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            *lines, held = (held + chunk).splitlines(keepends=True)
            for line in lines:
                if not cut:
                    yield line.rstrip(b"\r\n")
                cut = False
            if len(held) > LINE and not cut:
                yield held[: LINE + 1]
                cut = True
            if cut:
                held = held[-1:]
    if held and not cut:
        yield held.rstrip(b"\r\n")


def _row(line: bytes) -> Row:
    if len(line) > LINE:
        raise NoRow(f"It is not a row: it has more than {LINE >> 20} MiB.")
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NoRow(f"It is not JSON: {error.msg}.") from error
    if not isinstance(row, dict):
        raise NoRow('It is not an object like {"column": value}.')
    return row


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        return pa.array([None if value is None else _text(value) for value in values], kind)
    if tensors.shape_of(kind) is not None:
        return pa.array(values, kind)
    if kind == pa.float64():
        return pa.array([None if value is None else float(value) for value in values], kind)
    return pa.array(values, kind)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
