"""Commands for approvals: what waits for people, look at its evidence, approve it, or reject it with a reason."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, dump, items, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.approvals import ApprovalRead

approvals = group("approvals", "What passed its gates and waits for people: look, approve, reject.")
Loop = Annotated[str, typer.Argument(help="The loop.")]
Number = Annotated[int | None, typer.Argument(help="The run; the newest if left out.")]
Digest = Annotated[
    str | None,
    typer.Option(help="What you looked at, as 'approvals show' tells it; the present one if left out."),
]


@command(approvals, "list", "millrace approvals list", "millrace --project team-a approvals list -o json")
def list_approvals(output: Output = Format.TABLE) -> None:
    """What waits for approval in the project."""
    columns: Columns[ApprovalRead] = (
        ("LOOP", lambda item: item.loop),
        ("RUN", lambda item: item.run),
        ("VERSION", lambda item: item.bound.version),
        ("AGAINST", lambda item: item.bound.champion),
        ("APPROVALS", lambda item: f"{len(item.given)} of {item.of}"),
        ("BY", lambda item: item.by),
        ("NOT BY", lambda item: item.requesters),
        (EVENT_TIME, lambda item: item.event_time),
        (RECORDED, lambda item: item.asked_at),
        ("UNTIL", lambda item: item.until),
        ("WHY", lambda item: item.cause),
    )
    items(client().controller.approvals(), columns, output, "Nothing waits for approval.")


@command(
    approvals,
    "show",
    "millrace approvals show my-loop",
    "millrace approvals show my-loop 3 -o json | jq -r .digest",
)
def show_approval(loop: Loop, run: Number = None, output: Output = Format.TABLE) -> None:
    """What is to be approved: candidate, champion, gates, metrics, digests, and what people said."""
    platform = client()
    one(platform.controller.approval(loop, _number(platform, loop, run)), output)


@command(
    approvals,
    "approve",
    "millrace approvals approve my-loop",
    "millrace approvals approve my-loop 3 --digest sha256:4be1… --reason 'looked at the slices'",
)
def approve_run(
    loop: Loop,
    run: Number = None,
    digest: Digest = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Approve a candidate: never one that you asked for, and never twice."""
    platform = client()
    number = _number(platform, loop, run)
    looked = digest or _looked(platform, loop, number, output)
    found = platform.controller.approve(loop, number, looked, reason)
    left = found.of - len(found.given)
    words = f"{left} more have to approve." if left > 0 else f"Its rollout begins:  millrace watch {loop}"
    _told(
        found,
        output,
        f"Version {found.bound.version} of {loop} has {len(found.given)} of {found.of} approvals. {words}",
    )


@command(approvals, "reject", "millrace approvals reject my-loop --reason 'worse for small shops'")
def reject_run(
    loop: Loop,
    run: Number = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    digest: Digest = None,
    output: Output = Format.TABLE,
) -> None:
    """Reject a candidate with a reason: the run ends, and the champion stays."""
    if not reason.strip():
        fail("a rejection needs a reason", "Say it with --reason 'worse for small shops'")
    platform = client()
    number = _number(platform, loop, run)
    looked = digest or platform.controller.approval(loop, number).digest
    found = platform.controller.reject(loop, number, looked, reason)
    _told(found, output, f"Version {found.bound.version} of {loop} is rejected: {reason}")


def _number(platform: "Millrace", loop: str, run: int | None) -> int:
    if run is not None:
        return run
    newest = platform.controller.loop(loop).run
    return newest.number if newest is not None else 1


def _looked(platform: "Millrace", loop: str, run: int, output: Format) -> str:
    """The digest of what waits now, of which people are told what it is."""
    found = platform.controller.approval(loop, run)
    if output == Format.TABLE:
        against = "no champion" if found.bound.champion is None else f"version {found.bound.champion}"
        gates = "" if found.verdict is None else f": {found.verdict.reason}"
        typer.echo(f"Run {run}: version {found.bound.version} against {against}{gates}", err=True)
        typer.echo(f"Digest {found.digest}", err=True)
    return found.digest


def _told(found: "ApprovalRead", output: Format, words: str) -> None:
    if output == Format.TABLE:
        typer.echo(words)
    else:
        dump(found, output)
