"""JSON that is one object around its rows, or around its columns, and so no rows: refused with the remedy."""

import re
from pathlib import Path
from typing import Any

import orjson

from millrace_table.refusals import Unreadable, words

CHUNK = 1 << 20
MEMBER = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:\s*')
SCALAR = re.compile(rb'("(?:[^"\\]|\\.)*"|[-+.\w]+)\s*,')
ROWS = re.compile(rb"\[\s*\{")
OF_COLUMNS = "The file is one object of columns", "Write it by rows (in pandas: to_json(orient='records'))"


def refuse(data: bytes) -> None:
    """Raises: Unreadable for a file that is one object around its rows, or around its columns."""
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if not isinstance(whole, dict):
        return
    rows = [name for name, value in whole.items() if _are_rows(value)]
    if rows:
        raise _refusal(f"The file is one object, whose rows stand in {words(rows)}", "Write that list alone")
    if _are_columns(list(whole.values())):
        raise _refusal(*OF_COLUMNS)


def _refusal(seen: str, mend: str) -> Unreadable:
    return Unreadable(
        "file", f"{seen}.", f'{mend}: an array of objects, or a line each, like {{"column": value}}.'
    )


def refuse_large(path: Path) -> None:
    """The same of a file that is too large to be held, by how it begins: its first member that is no plain value."""
    with path.open("rb") as file:
        begin = file.read(CHUNK).lstrip()
    if not begin.startswith(b"{"):
        return
    place = 1
    while member := MEMBER.match(begin, place):
        plain = SCALAR.match(begin, member.end())
        if plain is None:
            if ROWS.match(begin, member.end()):
                name = orjson.loads(member[1])
                raise _refusal(
                    f"The file is one object, whose rows stand in {words([name])}", "Write that list alone"
                )
            if begin[member.end() : member.end() + 1] in (b"[", b"{"):
                raise _refusal(*OF_COLUMNS)
            return
        place = plain.end()


def _are_columns(values: list[Any]) -> bool:
    """Whether they are lists or objects of cells; lists of numbers alone may be one row of tensors."""
    several = bool(values) and all(isinstance(value, list | dict) and len(value) > 1 for value in values)
    return several and not all(_are_numbers(value) for value in values)


def _are_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(_are_numbers(item) for item in value)
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
