"""Replays history through a loop's rules, and through those of others beside it, and writes what people read of it."""

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import replaying
from millrace.cli.coding import with_code
from millrace.cli.command import fail
from millrace.cli.dialects import written
from millrace.cli.output import Format, Output, dump, fields, one
from millrace.cli.session import client
from millrace_contracts.counting import counted
from millrace_contracts.digits import legible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from millrace.backtests.variants import Variant
    from millrace.client import Millrace
    from millrace_contracts.backtests import BacktestRead
    from millrace_contracts.tables import Dialect


@written
def backtest(
    file: Annotated[Path, typer.Option("--file", "-f", help="The loop's YAML document.")],
    history: Annotated[
        Path,
        typer.Option(
            "--data", help="Labelled rows of the past, with event times.", exists=True, dir_okay=False
        ),
    ],
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[FIELD=VALUES]", help="More of --compare.")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Fields of the spec with the values to try, like schedule=7d,30d; all combinations."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a page, a picture and all figures; compares with a model each month too."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the end of each.")] = 7200,
    output: Output = Format.TABLE,
    dialect: "Dialect | None" = None,
) -> None:
    """Replay history through a loop's rules: what would have happened; no endpoint is touched."""
    from millrace.backtests.variants import BadComparison, over_the_same_days, variants
    from millrace.documents import load
    from millrace_contracts.backtests import BacktestWrite
    from millrace_contracts.formats import format_of

    asked, form = [*(compare or []), *(more or [])], format_of(history)
    loop = load(file)
    if loop.spec.data.event_time is None:
        fail(f"{file}: spec.data.eventTime is missing", "A backtest replays days, so rows need event times.")
    platform = client()
    try:
        tried = variants(with_code(platform, loop, file), asked, monthly=out is not None or bool(asked))
    except BadComparison as error:
        fail(
            str(error),
            "Write --compare triggers.schedule=7d,30d; a name without dots is looked for in the spec.",
        )
    digest = platform.registry.put_artifact(history)

    def replay(these: "Sequence[Variant]", start: "date | None") -> "list[BacktestRead]":
        ids = [
            platform.controller.backtest(
                BacktestWrite(
                    loop=variant.loop,
                    digest=digest,
                    format=form,
                    name=history.name,
                    dialect=dialect,
                    start=start,
                )
            ).id
            for variant in these
        ]
        with _asking(platform, ids):
            return [
                _backtested(platform, id, timeout, variant.name)
                for id, variant in zip(ids, these, strict=True)
            ]

    ended = over_the_same_days(tried, replay)
    if out is None and not asked:
        return _one(ended[0], output)
    return _several(loop.metadata.name, tried, ended, out, output)


def _one(ended: "BacktestRead", output: Format) -> None:
    if output != Format.TABLE:
        return dump(ended, output)
    one({name: value for name, value in fields(ended).items() if name not in ("document", "loop")}, output)
    if ended.state != "succeeded":
        raise typer.Exit(1)
    return None


def _several(
    name: str, tried: "list[Variant]", ended: "list[BacktestRead]", out: Path | None, output: Format
) -> None:
    """All that went well, side by side; one that failed says so and is left out, unless it is the declared one."""
    from millrace.backtests import folder
    from millrace.backtests.told import compared
    from millrace_contracts.backtests import BacktestFound

    for variant, backtest in zip(tried, ended, strict=True):
        if backtest.state != "succeeded":
            typer.echo(f"{variant.name}: {backtest.state}: {backtest.message}", err=True)
    if ended[0].state != "succeeded":
        raise typer.Exit(1)
    found = compared(
        {
            variant.name: BacktestFound.model_validate(backtest.result)
            for variant, backtest in zip(tried, ended, strict=True)
            if backtest.result is not None and backtest.state == "succeeded"
        }
    )
    wrote = [] if out is None else folder.write(out, name, found)
    if output != Format.TABLE:
        return dump(found, output)
    for line in found.lines:
        loss = "no loss" if line.loss is None else f"{found.metric} {legible(line.loss)}"
        spent = "" if line.seconds is None else f", {line.seconds / 60:.1f} min of runs"
        done = f"{counted(line.trainings, 'training')}, {counted(line.promotions, 'promotion')}"
        typer.echo(f"{line.name:<28} {loss}, {done}{spent}")
    for sentence in found.advice:
        typer.echo(f"- {sentence}")
    for path in wrote:
        typer.echo(f"Wrote {path}")
    return None


@contextmanager
def _asking(platform: "Millrace", ids: "Sequence[str]") -> "Iterator[None]":
    """Ctrl-C asks whether the backtests end too; where nobody can answer, they go on."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("", err=True)
        terminal = sys.stdin.isatty()
        if terminal and typer.confirm("End the backtest as well? Otherwise it goes on", err=True):
            replaying.end(platform, ids)
        else:
            typer.echo(
                f"It goes on; the same command finds it again, millrace backtests cancel {' '.join(ids)} ends it.",
                err=True,
            )
        raise typer.Exit(130) from None


def _backtested(platform: "Millrace", id: str, timeout: float, name: str) -> "BacktestRead":
    """Wait for the end of a backtest, and say how long it may still take. Raises: TimeoutError."""
    from millrace.cli.progress import Now, job_bar

    began, deadline = time.monotonic(), time.monotonic() + timeout
    first: tuple[int, float] | None = None
    with job_bar(f"backtest {name}") as told:
        while time.monotonic() < deadline:
            backtest = platform.controller.backtest_state(id, wait=5)
            now, words = (
                backtest.progress,
                backtest.state if backtest.waiting is None else backtest.waiting.message,
            )
            if backtest.state == "queued":
                deadline = time.monotonic() + timeout
            if now.get("step") == "replay":
                first = first or (now["done"], time.monotonic())
            note = " ".join(filter(None, (now.get("step"), now.get("message"), _left(now, first)))) or words
            told(Now(note, now.get("done"), now.get("total")))
            if backtest.state in ("succeeded", "failed", "cancelled"):
                return backtest
    raise TimeoutError(f"the backtest {id} has not ended after {time.monotonic() - began:.0f} s; it goes on")


def _left(now: dict[str, object], first: tuple[int, float] | None) -> str:
    """The time left by the days since this command began to look; empty while that says nothing."""
    done, total = now.get("done"), now.get("total")
    if first is None or not isinstance(done, int) or not isinstance(total, int) or done <= first[0]:
        return ""
    seconds = (total - done) * (time.monotonic() - first[1]) / (done - first[0])
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"
