"""The command that asks for predictions: rows as they are written, or those of a file, which may be of any size."""

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.answers import Answers
from millrace.cli.asking import Requests, production, requests
from millrace.cli.command import fail
from millrace.cli.dialects import written
from millrace.cli.moments import local
from millrace.cli.output import Format, Output
from millrace.cli.progress import Now, job_bar
from millrace.cli.session import client
from millrace_contracts.digits import legible, signed

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.predictions import CellValue, PredictionAnswer
    from millrace_contracts.tables import Dialect

SHOWN = 6
"""Contributions of a row that are told in a line."""
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


@written
def predict(
    loop: LoopName,
    row: Annotated[
        list[str] | None, typer.Option("--row", help="A row as JSON object; may be given several times.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--rows", "--file", help="Rows as CSV, Parquet or JSON lines.", exists=True, dir_okay=False
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Sticky key: the same key meets the same version.")] = None,
    event_time: Annotated[str | None, typer.Option(help="When the event happens; now if left out.")] = None,
    warn: Annotated[bool, typer.Option("--warn", help="Tell of values that training never saw.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell what each input contributes; of ten rows at most.")
    ] = False,
    output: Output = Format.TABLE,
    dialect: "Dialect | None" = None,
) -> None:
    """Predict rows through the gateway; null is a missing value.

    A file's cells are read by the model's signature. Its rows happen at their event time, if the file has it.
    """
    platform = client()
    if not row and file is None:
        fail(
            "no rows are given",
            f"Use --row '{{\"column\": 1}}' or --rows rows.csv. {loop} takes: {', '.join(_inputs(platform, loop))}",
        )
    rows = [_row(text) for text in row or []]
    moment = None if event_time is None else local(event_time)
    with ExitStack() as open:
        asked = Requests(len(rows), [(moment, rows)] if rows else [])
        if file is not None:
            from_file = open.enter_context(requests(platform, loop, file, moment, dialect))
            asked = Requests(asked.rows + from_file.rows, chain(asked.parts, from_file.parts))
        printed = Answers(output)
        _ask(platform, loop, asked, printed, Wished(key, warn, explain))
    if output == Format.TABLE:
        typer.echo(
            "Later, tell the truth: a CSV with request_id,index,value for 'millrace labels push'.", err=True
        )


@dataclass(frozen=True)
class Wished:
    """What is asked for beside the rows."""

    key: str | None
    warn: bool
    explain: bool


def _ask(platform: "Millrace", loop: str, asked: Requests, printed: Answers, wished: Wished) -> None:
    """Ask request by request, and print what is answered; where it stops, what came until then is printed and told."""
    warnings = _Warnings()
    try:
        with job_bar(loop, shown=not sys.stdout.isatty()) as bar:
            for when, rows in asked.parts:
                answer = _answer(platform, loop, rows, when, wished)
                warnings.tell(answer, printed.rows)
                _explained(answer, printed.rows)
                printed.add(answer)
                bar(Now("rows answered", printed.rows, asked.rows))
    except (Exception, KeyboardInterrupt):
        printed.end()
        if printed.rows:
            typer.echo(f"{printed.rows} of {asked.rows} rows were answered; they are printed.", err=True)
        raise
    printed.end()
    warnings.end()


def _answer(
    platform: "Millrace",
    loop: str,
    rows: "list[dict[str, CellValue]]",
    when: datetime | None,
    wished: Wished,
) -> "PredictionAnswer":
    from millrace.client import ApiError

    try:
        return platform.serving.predict(
            loop, rows, wished.key, when, warn=wished.warn, explain=wished.explain
        )
    except ApiError as error:
        if error.status == HTTPStatus.CONFLICT:
            production(platform, loop)
        raise


def _explained(answer: "PredictionAnswer", first: int) -> None:
    """What was asked for with --explain, a line a row: the largest contributions, and what they add up to."""
    if answer.not_explained:
        typer.echo(f"Not explained: {answer.not_explained}", err=True)
    for place, item in enumerate(answer.explanations or ()):
        if item is None:
            continue
        named = f"{item.unit} of {item.of}" if item.of is not None else "answer"
        shown = [f"{one.column} {signed(one.contribution)}" for one in item.contributions[:SHOWN]]
        left = sum(one.contribution for one in item.contributions[SHOWN:])
        rest = [f"others {signed(left)}"] if item.contributions[SHOWN:] else []
        sure = "" if item.method != "permutations" else " (estimated)"
        words = ", ".join([*shown, *rest])
        typer.echo(
            f"Row {first + place}: {named} {legible(item.answer)} = {legible(item.base)}, {words}{sure}",
            err=True,
        )


class _Warnings:
    """What was asked for with --warn, beside the answers."""

    def __init__(self) -> None:
        self._told = self._unseen = 0

    def tell(self, answer: "PredictionAnswer", first: int) -> None:
        """Those of the next request, before which *first* rows were answered."""
        for item in answer.warnings or ():
            batch = f" (of those from row {first} on)" if first else ""
            typer.echo(f"Warning: {item.where}{batch}: {item.value!r} {item.what}", err=True)
        self._told += len(answer.warnings or ())
        self._unseen += answer.unseen or 0

    def end(self) -> None:
        """Say how many more there are."""
        if self._unseen > self._told:
            more = self._unseen - self._told
            typer.echo(f"Warning: and {more} more values that training never saw", err=True)


def _inputs(platform: "Millrace", loop: str) -> list[str]:
    """Columns that the version in production takes."""
    return [tensor.column for tensor in production(platform, loop).signature.inputs]


def _row(text: str) -> "dict[str, CellValue]":
    try:
        row = json.loads(text)
    except ValueError as error:
        fail(f"--row is not JSON: {error}", 'Write it like --row \'{"shop": 4, "weekday": "Monday"}\'.')
    if not isinstance(row, dict):
        fail("--row is not a JSON object", 'Write it like --row \'{"shop": 4, "weekday": "Monday"}\'.')
    endless = [name for name, value in row.items() if isinstance(value, float) and not isfinite(value)]
    if endless:
        fail(
            f"--row: {', '.join(endless)} is no finite number",
            "Send one below 3.4e38; null is a missing value.",
        )
    return dict(row)
