"""Prints answers as a table for people, or as JSON or YAML for programs."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from millrace_contracts.digits import legible
from millrace_contracts.shortening import shortened

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

Item = TypeVar("Item")
Columns = Sequence[tuple[str, Callable[[Item], object]]]
"""Headings, each with what an item shows below it."""
EVENT_TIME, RECORDED = "EVENT TIME", "RECORDED"
"""Columns that every list has: when a thing was so in the data, and when it came to be known, by the clock."""
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


def items(found: Sequence[Item], columns: Columns[Item], output: Format, empty: str) -> None:
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
        table.add_row(*(text(shown(item)) for _, shown in columns))
    console().print(table)
    return None


def one(item: "BaseModel | Mapping[str, object]", output: Format) -> None:
    """Print one thing with everything that is known of it."""
    if output != Format.TABLE:
        return dump(item, output)
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields(item).items():
        nested = isinstance(value, dict | list) and value
        table.add_row(name, Text(_yaml(value).rstrip() if nested else text(value)))
    console().print(table)
    return None


def fields(item: "BaseModel | Mapping[str, object]") -> dict[str, object]:
    """*item* as JSON's own types, with the names and nothing but the values that the service sent."""
    if isinstance(item, Mapping):
        return {name: plain(value) for name, value in item.items()}
    return item.model_dump(mode="json", by_alias=True, exclude_unset=True)


def plain(value: object) -> object:
    """Any answer as JSON's own types."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel | Mapping):
        return fields(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _moment(value) if isinstance(value, date) else value


def dump(value: object, output: Format) -> None:
    """Print JSON or YAML."""
    shown = plain(value)
    typer.echo(
        json.dumps(shown, indent=2, ensure_ascii=False) if output == Format.JSON else _yaml(shown).rstrip()
    )


def _yaml(value: object) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def text(value: object) -> str:
    """A value in one cell."""
    value = plain(value)
    if value is None or value in ({}, [], ""):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return legible(value, 6)
    if isinstance(value, list):
        return ", ".join(text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={text(item)}" for name, item in value.items())
    return shortened(str(value), SHORT)


def span(first: date | str | None, last: date | str | None) -> str | None:
    """From one event time to another, in one cell; None where there is none."""
    told = [_moment(item) if isinstance(item, date) else item for item in (first, last) if item is not None]
    return " to ".join(dict.fromkeys(told)) or None


def _moment(value: date) -> str:
    shown = value.isoformat()
    return shown.replace("+00:00", "Z") if isinstance(value, datetime) else shown
