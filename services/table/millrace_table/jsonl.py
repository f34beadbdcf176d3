"""JSON lines: one object a row; a column of mixed values is kept as text, so that a check can show it."""

from typing import Any

import orjson
import pyarrow as pa

from millrace_table.refusals import Unreadable


def read(data: bytes) -> pa.Table:
    """A table with the objects' keys as columns; a key that an object lacks is missing. Raises: Unreadable."""
    rows = [_row(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names})


def _row(number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        shown = line[:60].decode(errors="replace")
        mend = "Write one JSON object a line, in UTF-8; a missing number is null, not NaN."
        seen = f"Line {number} is not JSON: {error.msg}."
        raise Unreadable("file", seen, mend, examples=[f"line {number}: {shown}"]) from error
    if not isinstance(row, dict):
        raise Unreadable(
            "file", f"Line {number} is not an object.", 'Write every row like {"column": value}.'
        )
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
