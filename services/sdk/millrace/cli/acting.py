"""Commands that use a loop and steer it: rollback, pause, resume, delete, retrain, report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.moments import instant
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client

if TYPE_CHECKING:
    from pydantic import BaseModel


LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


def rollback(
    loop: LoopName,
    to: Annotated[int | None, typer.Option(help="The version; the one before if left out.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "asked for by hand",
    key: Annotated[str | None, typer.Option(help="The same key again is the same rollback.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Send all traffic back to an archived version, now: a change of route, nothing is loaded."""
    found = client().controller.rollback(loop, to, reason, key)
    _stands(found, output, f"{loop} answers with version {found.champion} again.")


def pause(loop: LoopName, output: Output = Format.TABLE) -> None:
    """Open no more runs and do not go back by itself; serving and watching go on."""
    _stands(client().controller.pause(loop), output, f"{loop} is paused; 'millrace resume {loop}' ends it.")


def resume(loop: LoopName, output: Output = Format.TABLE) -> None:
    """Go on after a pause."""
    _stands(client().controller.resume(loop), output, f"{loop} goes on.")


def retrain(
    loop: LoopName,
    search: Annotated[
        bool, typer.Option("--search", help="Search in full instead of fitting the best models again.")
    ] = False,
    key: Annotated[str | None, typer.Option(help="The same key again is the same run.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Open a run now, on all the data there is."""
    run = client().controller.retrain(loop, key, search)
    _stands(run, output, f"Run {run.number} is opened. Watch it:  millrace watch {loop}")


def adopt(
    loop: LoopName,
    model: Annotated[str, typer.Option(help="Name of the model that MLflow's client registered.")],
    version: Annotated[int, typer.Option(min=1, help="Its version.")],
    trained_through: Annotated[
        str, typer.Option(help="It has seen no event from then on: rows before do not judge it.")
    ],
    key: Annotated[str | None, typer.Option(help="The same key again is the same run.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Let an ONNX model that MLflow's client registered stand as a candidate: it meets the loop's own gates."""
    run = client().controller.adopt(loop, model, version, instant(trained_through), key)
    _stands(run, output, f"Run {run.number} is opened. Watch it:  millrace watch {loop}")


def delete(
    loop: LoopName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """End a loop and take its endpoint away; its data, versions and decisions stay."""
    if not yes:
        typer.confirm(f"End {loop} and take its endpoint away?", abort=True)
    _stands(
        client().controller.delete(loop),
        output,
        f"{loop} is being deleted; data, versions and decisions stay.",
    )


def _stands(loop: "BaseModel", output: Format, words: str) -> None:
    if output == Format.TABLE:
        typer.echo(words)
    else:
        dump(loop, output)


def report(
    loop: LoopName,
    save: Annotated[
        Path | None, typer.Option("--out", "--save", help="Where to write it; LOOP-report.html if left out.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the monitor's report, one HTML page with everything in it."""
    path = save or Path(f"{loop}-report.html")
    path.write_text(client().monitoring.report(loop), encoding="utf-8")
    typer.echo(f"Wrote {path}")
    if show:
        typer.launch(path.absolute().as_uri())
