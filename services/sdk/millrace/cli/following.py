"""Commands that tell what happens and why: watch, explain."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.choosing import decision_of
from millrace.cli.exits import REFUSED
from millrace.cli.output import Format, Output, console, dump, fields
from millrace.cli.session import client

if TYPE_CHECKING:
    from rich.spinner import Spinner

    from millrace.watching import Follower
    from millrace_contracts.loops import LoopOutline

WAITS = "awaiting-approval"
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


def watch(
    loop: LoopName,
    once: Annotated[bool, typer.Option("--once", help="Tell how it stands now, and end.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on after the run has ended.")] = False,
    run: Annotated[int, typer.Option(help="Wait for the end of this run or a later one.")] = 1,
) -> None:
    """Follow a loop live, until its newest run has ended or waits for people: steps, trials, gates, rollout, drift.

    Exit code 1 if the run failed, was refused or was aborted.
    """
    from rich.live import Live

    from millrace.watching import Follower

    screen = console()
    follower = Follower(client(), loop)
    with Live(console=screen, transient=True, auto_refresh=screen.is_terminal, refresh_per_second=4) as live:
        for lines in follower.news():
            for line in lines:
                screen.print(line, markup=False)
            if screen.is_terminal:
                live.update(_status(follower))
            if once or (not follow and _over(follower.state, run)):
                break
    ended = follower.state and follower.state.run
    if not once and not follow and ended and not _well(ended.state):
        raise typer.Exit(REFUSED)


def _well(state: str) -> bool:
    from millrace.watching import ENDED_WELL

    return state in ENDED_WELL


def _over(loop: "LoopOutline | None", number: int) -> bool:
    run = None if loop is None else loop.run
    return run is not None and run.number >= number and (run.ended_at is not None or run.state == WAITS)


def _status(follower: "Follower") -> "Spinner":
    """The line that moves: what is going on right now."""
    from rich.spinner import Spinner

    run, now = follower.state and follower.state.run, follower.progress
    running = [name for name, step in (run.steps if run else {}).items() if step.state == "running"]
    amount = f" {now.done}/{now.total}" if now and now.done is not None and now.total else ""
    parts = [
        *(running[-1:] or [run.state if run else "no run yet"]),
        now.step if now else "",
        now.message if now else "",
        run.waiting.reason if run and run.waiting else "",
    ]
    return Spinner("dots", text=" · ".join(part for part in parts if part) + amount)


def explain(
    decision: Annotated[str, typer.Argument(help="Its number, its id, or the id's first characters.")],
    output: Output = Format.TABLE,
) -> None:
    """Say in plain words what was decided, with the numbers, what led to it and what followed."""
    from millrace import explanation

    platform = client()
    found = decision_of(platform, decision)
    others = platform.registry.decisions(loop=found.loop or None)
    lines = explanation.explain(found, others)
    if output != Format.TABLE:
        return dump(fields(found) | {"explanation": lines}, output)
    for line in lines:
        typer.echo(line)
    return None
