"""Commands that use a loop and steer it: predict, rollback, pause, resume, delete, retrain, backtest, report."""

import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.asking import production, requests
from millrace.cli.coding import with_code
from millrace.cli.command import fail
from millrace.cli.dialects import written
from millrace.cli.moments import local
from millrace.cli.output import Columns, Format, Output, dump, fields, items, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from pydantic import BaseModel

    from millrace.client import Millrace
    from millrace_contracts.backtests import BacktestRead
    from millrace_contracts.predictions import CellValue, PredictionAnswer
    from millrace_contracts.tables import Dialect

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
    output: Output = Format.TABLE,
    dialect: "Dialect | None" = None,
) -> None:
    """Predict rows through the gateway; null is a missing value.

    A file's cells are read by the model's signature. Its rows happen at their event time, if the file has it.
    """
    from millrace.client import ApiError

    platform = client()
    if not row and file is None:
        fail(
            "no rows are given",
            f"Use --row '{{\"column\": 1}}' or --rows rows.csv. {loop} takes: {', '.join(_inputs(platform, loop))}",
        )
    rows = [_row(text) for text in row or []]
    moment = None if event_time is None else local(event_time)
    asked = [(moment, rows)] if rows else []
    if file is not None:
        asked += requests(platform, loop, file, moment, dialect)
    try:
        answers = [platform.serving.predict(loop, part, key, when, warn=warn) for when, part in asked]
    except ApiError as error:
        if error.status == HTTPStatus.CONFLICT:
            production(platform, loop)
        raise
    _warn(answers, [len(part) for _, part in asked])
    predicted = [row for answer in answers for row in _predicted(answer)]
    if output != Format.TABLE:
        return dump(predicted, output)
    items(predicted, _columns(answers), output, "")
    typer.echo(
        "Later, tell the truth: a CSV with request_id,index,value for 'millrace labels push'.", err=True
    )
    return None


def _warn(answers: "list[PredictionAnswer]", rows: list[int]) -> None:
    """What was asked for with --warn, beside the answers; *rows* of each request."""
    first = 0
    for answer, count in zip(answers, rows, strict=True):
        for item in answer.warnings or ():
            batch = f" (of those from row {first} on)" if first else ""
            typer.echo(f"Warning: {item.where}{batch}: {item.value!r} {item.what}", err=True)
        first += count
    told, unseen = sum(len(answer.warnings or ()) for answer in answers), sum(a.unseen or 0 for a in answers)
    if unseen > told:
        typer.echo(f"Warning: and {unseen - told} more values that training never saw", err=True)


def _predicted(answer: "PredictionAnswer") -> Iterator[dict[str, object]]:
    """What was answered for each row: the number, or the class that is named and its probability."""
    for index, value in enumerate(answer.predictions):
        named: dict[str, object] = {} if answer.classes is None else {"class": answer.classes[index]}
        if answer.probabilities is not None:
            named["probabilities"] = answer.probabilities[index]
        yield {
            "request_id": answer.request_id,
            "index": index,
            "prediction": value,
            **named,
            "version": answer.version,
            "revision": answer.revision,
        }


def _columns(answers: "list[PredictionAnswer]") -> Columns[dict[str, object]]:
    """Classes are shown with the probability of the one that is named, numbers as they are."""
    place: Columns[dict[str, object]] = (
        ("VERSION", lambda row: row["version"]),
        ("REQUEST ID", lambda row: row["request_id"]),
        ("INDEX", lambda row: row["index"]),
    )
    if all(answer.classes is None for answer in answers):
        return (("PREDICTION", lambda row: row["prediction"]), *place)
    return (("CLASS", lambda row: row.get("class")), ("PROBABILITY", _probability), *place)


def _probability(row: dict[str, object]) -> object:
    """The probability of the class that is named."""
    probabilities = row.get("probabilities")
    named = probabilities.get(row.get("class")) if isinstance(probabilities, dict) else None
    return row["prediction"] if named is None else named


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
