"""The options by which a command is told how a file is written; what is left out is found in the file."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from millrace.cli.command import fail

if TYPE_CHECKING:
    from millrace_contracts.tables import Dialect

Result = TypeVar("Result")
PANEL = "How the file is written (found if left out)"
NAMED = {"tab": "\t", "\\t": "\t", "space": " ", "none": ""}
"""Signs that are hard to type in a shell."""


def _option(name: str, about: str) -> Any:
    return typer.Option(f"--{name}", help=about, rich_help_panel=PANEL, show_default=False)


OPTIONS: dict[str, Any] = {
    "delimiter": Annotated[str | None, _option("delimiter", "Between two cells, like ; or tab.")],
    "quote": Annotated[str | None, _option("quote", "Around cells that hold delimiters; none: nothing is.")],
    "escape": Annotated[str | None, _option("escape", "Before a quote inside quotes, like \\.")],
    "encoding": Annotated[str | None, _option("encoding", "utf-8, utf-16, latin-1 or windows-1252.")],
    "header_line": Annotated[int | None, _option("header-line", "Line of the column names; 0: no names.")],
    "comment": Annotated[str | None, _option("comment", "Lines that begin with it are left out.")],
    "decimal": Annotated[str | None, _option("decimal", "Before the fraction of a number: . or ,")],
    "thousands": Annotated[str | None, _option("thousands", "Between groups of three digits.")],
    "missing": Annotated[
        list[str] | None, _option("missing", "What a cell without value says; several times.")
    ],
    "date_order": Annotated[str | None, _option("date-order", "Of dates like 03/04/2024: dmy, mdy or ymd.")],
    "sheet": Annotated[str | None, _option("sheet", "Sheet of a workbook; its first if left out.")],
}


def written(function: Callable[..., Result]) -> Callable[..., Result]:
    """*function* with the options in place of its parameter `dialect`, which is None when none of them is used."""

    @functools.wraps(function)
    def run(*args: Any, **more: Any) -> Result:
        return function(*args, dialect=_dialect({name: more.pop(name) for name in OPTIONS}), **more)

    signature = inspect.signature(function)
    others = [item for name, item in signature.parameters.items() if name != "dialect"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in OPTIONS.items()
    ]
    run.__signature__ = signature.replace(parameters=[*others, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in [*others, *options]}
    return run


def _dialect(asked: dict[str, Any]) -> "Dialect | None":
    """What was said, or None. Exits for a value that no file can have."""
    said = {name: value for name, value in asked.items() if value is not None and value != []}
    if not said:
        return None
    from pydantic import ValidationError

    from millrace_contracts.tables import Dialect

    plain = {
        name: NAMED.get(value, value)
        if name in ("delimiter", "quote", "escape", "comment", "thousands")
        else value
        for name, value in said.items()
    }
    try:
        return Dialect.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        fail(f"{option}: {first['msg']}", "See the command's --help for what it may be.")
