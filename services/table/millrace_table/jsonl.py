"""JSON lines: one object a row; a column of mixed values is kept as text, so that a check can show it.

DuckDB's reader of JSON is not used: it keeps no rejects, and guesses the types that a contract is to decide.
"""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

from millrace_contracts.tables import KEPT, Reject, Rejects
from millrace_table.refusals import Unreadable


class NoRow(Exception):
    """The line is no row; the text says why."""


def read(data: bytes) -> tuple[pa.Table, Rejects]:
    """A table with the objects' keys as columns, and the lines that are no objects.

    A key that an object lacks is missing. A file that is one array of objects is read like their lines.
    Raises: Unreadable if no line is an object, or a cell is none.
    """
    rows: list[dict[str, Any]] = []
    lost: list[Reject] = []
    for number, line in _lines(data):
        try:
            rows.append(_row(line))
        except NoRow as error:
            text = line[:1000].decode(errors="replace")
            lost.append(Reject(line=number, text=text, reason=str(error)))
    if not rows:
        raise Unreadable(
            "file",
            f"Line {lost[0].line} is not {lost[0].reason.removeprefix('It is not ')}"
            if lost
            else "The file has no rows.",
            'Write a row a line, in UTF-8, like {"column": value}; a missing number is null, not NaN.',
            examples=[f"line {reject.line}: {reject.text[:60]}" for reject in lost[:5]],
        )
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})
    return table, Rejects(count=len(lost), kept=lost[:KEPT])


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


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NoRow(f"It is not JSON: {error.msg}.") from error
    if not isinstance(row, dict):
        raise NoRow('It is not an object like {"column": value}.')
    return row


def _column(name: str, values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    nested = next((place for place, value in enumerate(values, 1) if isinstance(value, dict | list)), None)
    if nested is not None:
        mend = "Write plain values; spread an object over several columns."
        raise Unreadable("type", f"Row {nested} holds an object or a list.", mend, column=name)
    if not kinds or kinds == {str}:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
