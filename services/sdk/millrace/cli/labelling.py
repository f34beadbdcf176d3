"""The command that tells what came true: labels push."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.moments import instant
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.labels import LabelsRead, LabelWrite

labels = group("labels", "Tell the truth about rows that were predicted.")
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


@command(
    labels,
    "push",
    "millrace labels push my-loop labels.csv     # request_id,index,value,at",
    "millrace labels push my-loop labels.csv --complete-through 2026-05-04T00:00:00Z",
)
def push_labels(
    loop: LoopName,
    file: Annotated[
        Path,
        typer.Argument(help="CSV or JSON lines: request_id, index, value, at.", exists=True, dir_okay=False),
    ],
    complete_through: Annotated[
        str | None,
        typer.Option(help="Every event before this instant is labelled as far as it ever will be."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Tell what came true, late as it may be; a later `at` corrects an earlier one, repeats change nothing.

    A label that is no number, or names no class, is refused and told; the others are stored. The command then ends
    with 1.
    """
    from millrace.labels import read

    platform = client()
    sent = _plain(platform, loop, read(file))
    through = None if complete_through is None else instant(complete_through)
    answer = platform.monitoring.push_labels(loop, sent, through)
    if output != Format.TABLE:
        dump(answer, output)
    else:
        typer.echo(f"{len(sent)} labels: {_outcome(answer)}")
    if answer.refused:
        fail(f"{answer.refused} labels are refused; the others are stored", *_refusals(answer, sent))


def _plain(platform: "Millrace", loop: str, sent: "list[LabelWrite]") -> "list[LabelWrite]":
    """The labels with numbers as programs write them; `812,50 €` is read as it is in the data of the loop."""
    from millrace.client import ApiError
    from millrace.labels import spelled
    from millrace_contracts.data import DataContract
    from millrace_contracts.loop import ModelLoop

    if all(not isinstance(label.value, str) or label.value.isdigit() for label in sent):
        return sent
    try:
        spec = ModelLoop.model_validate(platform.controller.loop(loop).document).spec
        if spec.task != "regression":
            return sent
        kept = platform.registry.dataset_version(spec.data.dataset).contract
    except ApiError as error:
        if error.status != 404:
            raise
        return sent
    return spelled(sent, DataContract.model_validate(kept).dialect if kept else None)


def _outcome(answer: "LabelsRead") -> str:
    """What became of the labels, in one line."""
    words = [f"{answer.new} new", f"{answer.corrected} corrected"]
    counts = {"repeated": answer.repeated, "contradicted by a later one": answer.contradicted}
    words += [f"{count} {word}" for word, count in (counts | {"refused": answer.refused}).items() if count]
    known = f"{answer.matched} belong to a row that is known so far"
    if answer.unmatched:
        known += (
            f", {answer.unmatched} to none (kept: its prediction may come later; is the request id right?)"
        )
    return f"{', '.join(words)}; {known}. {answer.labelled} labels are kept."


def _refusals(answer: "LabelsRead", sent: "list[LabelWrite]") -> list[str]:
    """One line for each refused label that the answer tells of."""
    lines = [
        f"request {sent[item.place].request_id}, row {sent[item.place].index}: {item.value!r} {item.reason}"
        for item in answer.refusals
    ]
    more = answer.refused - len(lines)
    return [*lines, f"and {more} more"] if more else lines
