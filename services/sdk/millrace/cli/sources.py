"""Commands about sources: whether one can be read, how it stands, and a look at it now."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.output import Columns, Format, Output, dump, items, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace_contracts.pulls import LookResult, SourceRead

sources = group("sources", "Where rows come from by themselves: databases, buckets, web addresses.")
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


@command(
    sources,
    "test",
    "millrace sources test -f my-loop.yaml",
    "millrace sources test -f my-loop.yaml --rows 20",
)
def try_source(
    file: Annotated[Path, typer.Option("--file", "-f", help="The loop's YAML document.")],
    rows: Annotated[int, typer.Option(help="How many rows are shown.", min=1, max=100)] = 5,
    output: Output = Format.TABLE,
) -> None:
    """Read the first rows of a declared source the way a loop will; nothing is kept, and nothing need be applied."""
    import uuid

    from millrace.client import JobFailed
    from millrace.documents import load
    from millrace_contracts.pulls import LookResult, LookSpec

    source = load(file).spec.data.source
    if source is None or source.polled() is None:
        fail(
            f"{file} declares no source that is read by itself", "See spec.data.source: sql, bucket or http."
        )
    try:
        job = client().training.run(LookSpec(source=source, rows=rows), f"look-{uuid.uuid4().hex}")
    except JobFailed as error:
        told = error.job.error
        fail("The source cannot be read", told.detail if told is not None else str(error))
    found = LookResult.model_validate(job.result)
    if output != Format.TABLE:
        return dump(found, output)
    return _show(found)


def _show(found: "LookResult") -> None:
    shown: Columns[list[str | None]] = tuple(
        (f"{column.name} ({column.type})", _cell(place)) for place, column in enumerate(found.columns)
    )
    items(found.rows, shown, Format.TABLE, "It has no rows yet.")
    for note in found.notes:
        typer.echo(f"Note: {note}")
    typer.echo("It can be read. Rows that are deleted or changed behind the cursor are not seen.")


def _cell(place: int) -> "Callable[[list[str | None]], str | None]":
    return lambda row: row[place]


@command(sources, "list", "millrace sources list", "millrace sources list -o json")
def list_sources(output: Output = Format.TABLE) -> None:
    """Every loop's source: how it stands, when it is looked at next, and what it brought."""
    found = [item.source for item in client().controller.loops() if item.source is not None]
    columns: Columns[SourceRead] = (
        ("LOOP", lambda source: source.loop),
        ("KIND", lambda source: source.kind),
        ("STATE", lambda source: source.state),
        ("EVERY", lambda source: source.every),
        ("LOOKED AT", lambda source: source.looked_at),
        ("NEXT", lambda source: source.next_at),
        ("NEW ROWS", lambda source: source.new_rows),
        ("MESSAGE", lambda source: source.message),
    )
    items(found, columns, output, "No loop declares a source; see spec.data.source.")


@command(sources, "show", "millrace sources show my-loop")
def show_source(loop: LoopName, output: Output = Format.TABLE) -> None:
    """How a loop's source stands."""
    one(client().controller.source(loop), output)


@command(sources, "pull", "millrace sources pull my-loop")
def pull(loop: LoopName, output: Output = Format.TABLE) -> None:
    """Look at a loop's source as soon as possible, whatever its clock says."""
    found = client().controller.pull(loop)
    if output != Format.TABLE:
        return dump(found, output)
    typer.echo(f"{loop}'s source is looked at. See:  millrace sources show {loop}")
    return None
