"""Prints answers as a table for people, or as JSON or YAML for programs."""

import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = dict[str, Any]
Column = tuple[str, str | Callable[[Json], Any]]
"""Heading, and a dotted path into the item or a function of it."""
Columns = Sequence[Column]
WIDE = 220
SHORT = 300


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[
    Format, typer.Option("--output", "-o", help="table for people; json or yaml for programs.")
]


def console(stderr: bool = False) -> "Console":
    """Where tables and progress go; wide enough for whole cells when nobody watches."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False)


def items(found: Sequence[Json], columns: Columns, output: Format, empty: str) -> None:
    """Print a list; *empty* is said (to stderr) when it has nothing."""
    if output != Format.TABLE:
        return dump(list(found), output)
    if not found:
        return typer.echo(empty, err=True)
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, _ in columns:
        table.add_column(heading, overflow="fold")
    for item in found:
        table.add_row(*(text(_cell(item, path)) for _, path in columns))
    console().print(table)
    return None


def one(item: Json, output: Format) -> None:
    """Print one thing with everything that is known of it."""
    if output != Format.TABLE:
        return dump(item, output)
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in item.items():
        nested = isinstance(value, dict | list) and value
        table.add_row(name, Text(_yaml(value).rstrip() if nested else text(value)))
    console().print(table)
    return None


def dump(value: Any, output: Format) -> None:
    """Print JSON or YAML."""
    typer.echo(
        json.dumps(value, indent=2, ensure_ascii=False) if output == Format.JSON else _yaml(value).rstrip()
    )


def _yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def _cell(item: Json, path: str | Callable[[Json], Any]) -> Any:
    if callable(path):
        return path(item)
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str:
    """A value in one cell."""
    if value is None or value in ({}, [], ""):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={text(item)}" for name, item in value.items())
    shown = str(value)
    return shown if len(shown) <= SHORT else f"{shown[: SHORT - 1]}…"
