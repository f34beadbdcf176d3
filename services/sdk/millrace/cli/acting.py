"""Commands that use a loop and steer it: rollback, pause, resume, delete, retrain, backtest, report."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.coding import with_code
from millrace.cli.command import fail
from millrace.cli.dialects import written
from millrace.cli.moments import instant
from millrace.cli.output import Format, Output, dump, fields, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from pydantic import BaseModel

    from millrace.client import Millrace
    from millrace_contracts.backtests import BacktestRead
    from millrace_contracts.tables import Dialect

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


@written
def backtest(
    file: Annotated[Path, typer.Option("--file", "-f", help="The loop's YAML document.")],
    history: Annotated[
        Path,
        typer.Option(
            "--data", help="Labelled rows of the past, with event times.", exists=True, dir_okay=False
        ),
    ],
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the end.")] = 7200,
    output: Output = Format.TABLE,
    dialect: "Dialect | None" = None,
) -> None:
    """Replay history through a loop's rules: what would have happened; no endpoint is touched."""
    from millrace.documents import load
    from millrace_contracts.backtests import BacktestWrite
    from millrace_contracts.formats import format_of

    loop, form = load(file), format_of(history)
    if loop.spec.data.event_time is None:
        fail(f"{file}: spec.data.eventTime is missing", "A backtest replays days, so rows need event times.")
    platform = client()
    loop, digest = with_code(platform, loop, file), platform.registry.put_artifact(history)
    asked = BacktestWrite(loop=loop, digest=digest, format=form, name=history.name, dialect=dialect)
    ended = _backtested(platform, platform.controller.backtest(asked).id, timeout)
    if output != Format.TABLE:
        return dump(ended, output)
    one({name: value for name, value in fields(ended).items() if name not in ("document", "loop")}, output)
    if ended.state == "failed":
        raise typer.Exit(1)
    return None


def _backtested(platform: "Millrace", id: str, timeout: float) -> "BacktestRead":
    """Wait for the end of a backtest. Raises: TimeoutError."""
    from millrace.cli.progress import Now, job_bar

    deadline = time.monotonic() + timeout
    with job_bar("backtest") as told:
        while time.monotonic() < deadline:
            backtest = platform.controller.backtest_state(id, wait=5)
            now, words = (
                backtest.progress,
                backtest.state if backtest.waiting is None else backtest.waiting.message,
            )
            note = " ".join(filter(None, (now.get("step"), now.get("message")))) or words
            told(Now(note, now.get("done"), now.get("total")))
            if backtest.state in ("succeeded", "failed"):
                return backtest
    raise TimeoutError(f"the backtest {id} has not ended after {timeout:.0f} s; it goes on")
