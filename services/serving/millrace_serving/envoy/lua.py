"""Pure functions: values as literals of Lua, for scripts that Envoy is given."""

import re
from collections.abc import Mapping, Sequence

PLAIN = re.compile(rb"[A-Za-z0-9 _./:@*-]").fullmatch
TOGETHER = 5000
"""Statements in one function, of which the constants are limited."""
Value = str | int | float | bool | Mapping[str, "Value"] | Sequence["Value"]


def literal(value: Value) -> str:
    """*value* as Lua reads it; of a text every byte that may mean something is told by its number."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return f'"{"".join(map(_byte, value.encode()))}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"[{literal(name)}] = {literal(item)}" for name, item in value.items()) + "}"
    return "{" + ", ".join(literal(item) for item in value) + "}"


def _byte(byte: int) -> str:
    one = bytes((byte,))
    return one.decode() if PLAIN(one) else f"\\{byte:03d}"


def filled(table: str, statements: Sequence[str]) -> str:
    """Statements that fill the table of that name, which they call K."""
    pieces = [statements[first : first + TOGETHER] for first in range(0, len(statements), TOGETHER)]
    return "".join(";(function(K) " + "; ".join(piece) + f" end)({table})\n" for piece in pieces)
