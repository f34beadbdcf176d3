"""Commands for data that was refused: look at it, take it after all, or drop it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.exits import REFUSED
from millrace.cli.output import RECORDED, Columns, Format, Output, dump, items
from millrace.cli.session import client
from millrace_contracts.counting import counted

if TYPE_CHECKING:
    from millrace_contracts.datasets import QuarantineRead
    from millrace_contracts.rows import DeliveryReport

quarantine = group("quarantine", "Refused deliveries: list, look at and download them.")
Entry = Annotated[int, typer.Argument(help="Number of the entry in quarantine.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the decision.")]


@command(quarantine, "list", "millrace data quarantine list", "millrace data quarantine list my-loop")
def list_quarantine(
    loop: Annotated[str | None, typer.Argument(help="Only what this loop's dataset refused.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Refused deliveries that wait for a person."""
    from millrace.quarantine import dataset_of

    platform = client()
    loops = platform.controller.loops() if loop is None else [platform.controller.loop(loop)]
    names = sorted({dataset_of(item) for item in loops})
    known = {item.name for item in platform.registry.datasets()}
    waiting = [
        entry for name in names if name in known
        for entry in platform.registry.quarantined(name, state="waiting")
    ]  # fmt: skip
    columns: Columns[QuarantineRead] = (
        ("ID", lambda entry: entry.id),
        ("DATASET", lambda entry: entry.dataset),
        ("NAME", lambda entry: entry.source.get("name")),
        (RECORDED, lambda entry: entry.created_at),
        ("WHY", lambda entry: "; ".join(line.observed for line in _report(entry).failed[:3])),
    )
    items(waiting, columns, output, "Nothing lies in quarantine.")


@command(quarantine, "show", "millrace data quarantine show 3")
def show_quarantine(entry: Entry, output: Output = Format.TABLE) -> None:
    """One refused delivery: what is wrong with it, with examples, and what to do."""
    refused = client().registry.refused(entry)
    if output != Format.TABLE:
        return dump(refused, output)
    by = f" by {refused.settled_by}" if refused.settled_by else ""
    typer.echo(f"{refused.source.get('name')} to {refused.dataset}, {refused.created_at:%Y-%m-%d %H:%M}: "
               f"{refused.state}{by}")  # fmt: skip
    for line in _report(refused).explained():
        typer.echo(f"  {line}")
    if refused.state == "waiting":
        typer.echo(f"Take it after all:  millrace data accept {entry} --widen")
        typer.echo(f"Or say no:          millrace data drop {entry}")
    return None


@command(quarantine, "download", "millrace data quarantine download 3 --out refused.csv")
def download_quarantine(
    entry: Entry,
    out: Annotated[
        Path | None, typer.Option(help="Where to; left out: its own name behind its number.")
    ] = None,
) -> None:
    """The bytes of a refused delivery, as they came."""
    registry = client().registry
    refused = registry.refused(entry)
    path = out or Path(f"quarantine-{entry}-{Path(str(refused.source.get('name') or 'rows')).name}")
    if path.exists():
        fail(f"{path} exists already", "Give another name with --out.")
    with path.open("wb") as file:
        for chunk in registry.artifact_chunks(refused.artifact):
            file.write(chunk)
    typer.echo(f"{path}: {path.stat().st_size} bytes")


def accept(
    entry: Entry,
    widen: Annotated[bool, typer.Option("--widen", help="Change the contract so that it takes it.")] = False,
    reason: Reason = "",
    output: Output = Format.TABLE,
) -> None:
    """Take a refused delivery after all; a change of the contract is recorded as your decision."""
    from millrace import quarantine as refusals
    from millrace.cli.progress import Now, job_bar

    with job_bar(f"quarantine entry {entry}") as told:
        result = refusals.accept(client(), entry, widen, reason, lambda job: told(Now.of(job)))
    if not result.accepted:
        remedy = [] if widen else [f"Change the contract with it:  millrace data accept {entry} --widen"]
        fail(f"Entry {entry} is still refused", *result.report.explained(), *remedy, code=REFUSED)
    if output != Format.TABLE:
        return dump(result, output)
    typer.echo(f"{counted(result.new_rows, 'row')} accepted, data version {result.dataset_version}.")
    for change in result.changes:
        typer.echo(f"  the contract changes: {change}")
    return None


def drop(entry: Entry, reason: Reason = "") -> None:
    """Say that a refused delivery is not wanted; it no longer waits, and nothing is trained on it."""
    from millrace import quarantine as refusals

    settled = refusals.drop(client(), entry, reason)
    typer.echo(f"Entry {entry} of {settled.dataset} is {settled.state}.")


def _report(entry: "QuarantineRead") -> "DeliveryReport":
    from millrace_contracts.rows import DeliveryReport

    return DeliveryReport.model_validate(entry.report)
