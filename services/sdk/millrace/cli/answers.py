"""Prints answers as they come, so that those of millions of rows are never all in memory."""

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import typer

from millrace.cli.output import Columns, Format, console, plain, text

if TYPE_CHECKING:
    from millrace_contracts.predictions import PredictionAnswer

AT_ONCE = 1000
"""Rows that are printed at once, so that a table's first ones say how wide its columns are."""
Row: TypeAlias = dict[str, object]


class Answers:
    """Rows that were answered, on their way to the screen or into a file, in one list whatever their number."""

    def __init__(self, output: Format) -> None:
        self._output = output
        self._waiting: list[Row] = []
        self._widths: list[int] = []
        self._columns: Columns[Row] = ()
        self._begun = False
        self.rows = 0

    def add(self, answer: "PredictionAnswer") -> None:
        """The answer to the next request."""
        if not self._columns:
            self._columns = NUMBERS if answer.classes is None else CLASSES
        came = list(_predicted(answer))
        self._waiting += came
        self.rows += len(came)
        if len(self._waiting) >= AT_ONCE:
            self._print()

    def end(self) -> None:
        """Print what waits; the list is whole then, also if not all rows were answered."""
        if self._waiting:
            self._print()
        if self._begun and self._output == Format.JSON:
            typer.echo("\n]")

    def _print(self) -> None:
        rows, self._waiting = self._waiting, []
        PRINTERS[self._output](self, rows)
        self._begun = True

    def _json(self, rows: list[Row]) -> None:
        """As `json.dumps` of them all with an indent would write it."""
        for row in rows:
            item = json.dumps(plain(row), indent=2, ensure_ascii=False)
            typer.echo(("[" if not self._begun else ",") + "\n" + textwrap.indent(item, "  "), nl=False)
            self._begun = True

    def _yaml(self, rows: list[Row]) -> None:
        import yaml

        typer.echo(yaml.safe_dump(plain(rows), sort_keys=False, allow_unicode=True, width=100), nl=False)

    def _table(self, rows: list[Row]) -> None:
        """Columns below one another, as wide as the first rows are."""
        from rich.table import Table

        cells = [[text(shown(row)) for _, shown in self._columns] for row in rows]
        table = Table(box=None, header_style="bold", pad_edge=False, show_header=not self._widths)
        if not self._widths:
            names = [heading for heading, _ in self._columns]
            self._widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
            widths = [0 for _ in names]
        else:
            widths = self._widths
        for (heading, _), width in zip(self._columns, widths, strict=True):
            table.add_column(heading, overflow="fold", min_width=width)
        for line in cells:
            table.add_row(*line)
        console().print(table)


def _predicted(answer: "PredictionAnswer") -> Iterator[dict[str, object]]:
    """What was answered for each row: the number, or the class that is named and its probability."""
    for index, value in enumerate(answer.predictions):
        named: dict[str, object] = {} if answer.classes is None else {"class": answer.classes[index]}
        if answer.probabilities is not None:
            named["probabilities"] = answer.probabilities[index]
        if answer.needs_review is not None:
            named["needs_review"] = answer.needs_review[index]
        if answer.explanations is not None:
            named["explanation"] = answer.explanations[index]
        yield {
            "request_id": answer.request_id,
            "index": index,
            "prediction": value,
            **named,
            "version": answer.version,
            "revision": answer.revision,
        }


def _probability(row: Row) -> object:
    """The probability of the class that is named."""
    probabilities = row.get("probabilities")
    named = probabilities.get(row.get("class")) if isinstance(probabilities, dict) else None
    return row["prediction"] if named is None else named


NUMBERS: Columns[Row] = (
    ("PREDICTION", lambda row: row["prediction"]),
    ("VERSION", lambda row: row["version"]),
    ("REQUEST ID", lambda row: row["request_id"]),
    ("INDEX", lambda row: row["index"]),
)
CLASSES: Columns[Row] = (("CLASS", lambda row: row.get("class")), ("PROBABILITY", _probability), *NUMBERS[1:])
"""Classes are shown with the probability of the one that is named."""
PRINTERS = {Format.JSON: Answers._json, Format.YAML: Answers._yaml, Format.TABLE: Answers._table}
