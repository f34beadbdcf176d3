"""The command that tells what came true: labels push."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.moments import instant
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client
from millrace_contracts.counting import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from millrace.cli.progress import Now
    from millrace.client import Millrace
    from millrace.label_batches import Looked
    from millrace_contracts.labels import LabelsRead, LabelWrite
    from millrace_table.numbers import Style

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
    from millrace import label_batches
    from millrace.cli.progress import Now, job_bar
    from millrace.labels import opened

    platform, through = client(), None if complete_through is None else instant(complete_through)
    with job_bar(file.name) as bar, opened(file) as written:
        looked = label_batches.look(written, lambda count: bar(Now(f"{count:,} labels read")))
        style = _style(platform, loop, looked) if looked.worded else None
        sending = _Sending(platform, loop, style, looked.count, bar)
        answer = sending.send(label_batches.batches(written, looked), through)
    if output != Format.TABLE:
        dump(answer, output)
    else:
        typer.echo(f"{counted(looked.count, 'label')}: {_outcome(answer)}")
    if answer.refused:
        fail(
            counted(answer.refused, "label is refused", "labels are refused") + "; the others are stored",
            *sending.refusals(answer),
        )


class _Sending:
    """Labels on their way to a *loop*, *count* in all, their numbers written in a *style*."""

    def __init__(
        self, platform: "Millrace", loop: str, style: "Style | None", count: int, bar: "Callable[[Now], None]"
    ) -> None:
        self._platform, self._loop, self._style, self._count, self._bar = platform, loop, style, count, bar
        self._answers: list[LabelsRead] = []
        self._places = [0]
        self._refused: list[str] = []

    def send(self, batches: "Iterator[list[LabelWrite]]", through: "datetime | None") -> "LabelsRead":
        """Send all; the last batch says that they are complete *through* an instant.

        Where one cannot be sent, what became of those before is told, and the error goes on.
        """
        batch: list[LabelWrite] | None = next(batches)
        try:
            while batch is not None:
                following = next(batches, None)
                self._send(batch, through if following is None else None)
                batch = following
        except (Exception, KeyboardInterrupt):
            if self._answers:
                typer.echo(f"{self._places[-1]} of {self._count} labels: {_outcome(self._all())}", err=True)
                typer.echo("Send the file again: labels that are known change nothing.", err=True)
            raise
        return self._all()

    def _send(self, batch: "list[LabelWrite]", through: "datetime | None") -> None:
        from millrace.cli.progress import Now
        from millrace.label_batches import spelled

        answer = self._platform.monitoring.push_labels(self._loop, spelled(batch, self._style), through)
        self._refused += [
            f"request {batch[item.place].request_id}, row {batch[item.place].index}: {item.value!r} {item.reason}"
            for item in answer.refusals
        ]
        self._answers.append(answer)
        self._places.append(self._places[-1] + len(batch))
        self._bar(Now("labels sent", self._places[-1], self._count))

    def _all(self) -> "LabelsRead":
        from millrace_contracts.labels import together

        return together(self._answers, self._places[:-1])

    def refusals(self, answer: "LabelsRead") -> list[str]:
        """One line for each refused label that the *answer* to all tells of."""
        lines = self._refused[: len(answer.refusals)]
        more = answer.refused - len(lines)
        return [*lines, f"and {more} more"] if more else lines


def _style(platform: "Millrace", loop: str, looked: "Looked") -> "Style | None":
    """How numbers of a regression are written, `812,50 €` as it is in the data of the loop; None for words."""
    from millrace.client import ApiError
    from millrace_contracts.data import DataContract
    from millrace_contracts.loop import ModelLoop

    try:
        spec = ModelLoop.stored(platform.controller.loop(loop).document).spec
        if spec.task != "regression":
            return None
        kept = platform.registry.dataset_version(spec.data.dataset).contract
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return looked.style(DataContract.model_validate(kept).dialect if kept else None)


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
    told = f"{', '.join(words)}; {known}. {counted(answer.labelled, 'label is', 'labels are')} kept."
    return f"{told} {_new_classes(answer)}".rstrip()


def _new_classes(answer: "LabelsRead") -> str:
    """Classes that the version in production does not know, in a sentence; nothing without any."""
    if not answer.unknown:
        return ""
    named = ", ".join(f"{item.value!r} ({item.labels})" for item in answer.new_classes[:5])
    more = ", ..." if len(answer.new_classes) > 5 else ""
    return (
        f"{counted(answer.unknown, 'names', 'name')} a class that the version in production does not know: "
        f"{named}{more}; a later version learns one that comes often enough."
    )
