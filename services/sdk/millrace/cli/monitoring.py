"""Commands that look at what watches an endpoint."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, group
from millrace.cli.output import Columns, Format, Output, dump, items
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.estimates import EstimatedSpan

monitors = group("monitors", "What watches an endpoint, and what it expects.")


@command(
    monitors,
    "estimate",
    "millrace monitors estimate my-loop",
    "millrace monitors estimate my-loop --window 7 -o json",
)
def estimate(
    loop: Annotated[str, typer.Argument(help="Name of the loop.")],
    window: Annotated[int, typer.Option(min=1, max=366, help="Days that are told together.")] = 1,
    metric: Annotated[str, typer.Option(help="Which one: loss, or one of the task, like accuracy.")] = "loss",
    output: Output = Format.TABLE,
) -> None:
    """Performance estimated before labels come, with 95 % bounds, beside what was measured."""
    found = client().monitoring.estimates(loop, window=window)
    if output != Format.TABLE:
        return dump(found, output)
    columns: Columns[EstimatedSpan] = (
        ("FROM", lambda span: span.since),
        ("TO", lambda span: span.until),
        ("VERSION", lambda span: span.version),
        ("ROWS", lambda span: span.rows),
        ("LABELLED", lambda span: span.labelled),
        ("ESTIMATED", lambda span: _of(span, metric, "value")),
        ("LOWER", lambda span: _of(span, metric, "lower")),
        ("UPPER", lambda span: _of(span, metric, "upper")),
        ("MEASURED", lambda span: _of(span, metric, "measured")),
        ("ADJUSTED", lambda span: span.adjusted if metric == "loss" else None),
    )
    items(found.windows, columns, output, "Nothing is estimated yet.")
    for words in found.words:
        typer.echo(words)
    return None


def _of(span: "EstimatedSpan", metric: str, what: str) -> float | None:
    told = span.metrics.get(metric)
    return None if told is None else getattr(told, what)
