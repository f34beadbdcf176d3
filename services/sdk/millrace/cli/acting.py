"""Commands that use a loop and steer it: predict, rollback, pause, resume, delete, retrain, backtest, report."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from millrace.cli.command import fail
from millrace.cli.output import Format, Output, dump, items, one
from millrace.cli.session import client

Json = dict[str, Any]
LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]
CONTENT = 1000
"""Rows asked for in one request."""


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
    output: Output = Format.TABLE,
) -> None:
    """Predict rows through the gateway; null is a missing value."""
    platform = client()
    if not row and file is None:
        fail(
            "no rows are given",
            f"Use --row '{{\"column\": 1}}' or --rows rows.csv. {loop} takes: {', '.join(_inputs(platform, loop))}",
        )
    rows = [_row(text) for text in row or []]
    if file is not None:
        rows += _rows(platform, loop, file)
    answers = [
        platform.serving.predict(loop, rows[begin : begin + CONTENT], key, event_time)
        for begin in range(0, len(rows), CONTENT)
    ]
    found = [
        {
            "request_id": answer["request_id"],
            "index": index,
            "prediction": value,
            "version": answer["version"],
            "revision": answer["revision"],
        }
        for answer in answers
        for index, value in enumerate(answer["predictions"])
    ]
    if output != Format.TABLE:
        return dump(found, output)
    columns = (
        ("PREDICTION", "prediction"), ("VERSION", "version"), ("REQUEST ID", "request_id"), ("INDEX", "index")
    )  # fmt: skip
    items(found, columns, output, "")
    typer.echo(
        "Later, tell the truth: a CSV with request_id,index,value for 'millrace labels push'.", err=True
    )
    return None


def _inputs(platform: Any, loop: str) -> list[str]:
    """Columns that the version in production takes."""
    endpoint = platform.serving.endpoint(loop)
    if endpoint["stable_version"] is None:
        fail(f"{loop} serves no version yet", f"'millrace watch {loop}' shows how far its first run is.")
    version = platform.registry.version(endpoint["model"], endpoint["stable_version"])
    return [item["column"] for item in version["signature"]["inputs"]]


def _row(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError as error:
        fail(f"--row is not JSON: {error}", 'Write it like --row \'{"shop": 4, "weekday": "Monday"}\'.')
    if not isinstance(found, dict):
        fail("--row is not a JSON object", 'Write it like --row \'{"shop": 4, "weekday": "Monday"}\'.')
    return dict(found)


def _rows(platform: Any, loop: str, path: Path) -> list[Json]:
    """The file's rows, with the columns that the model takes; what is left out is said."""
    from millrace.data import rows

    try:
        table = rows.read(path)
    except rows.Unreadable as error:
        fail(f"{path}: {error.check.observed}", error.check.mend)
    wanted = _inputs(platform, loop)
    lacking = [name for name in wanted if name not in table.column_names]
    if lacking:
        fail(f"{path} lacks the column {lacking[0]!r}", f"The model takes: {', '.join(wanted)}")
    unused = [name for name in table.column_names if name not in wanted]
    if unused:
        typer.echo(f"Not inputs of the model, left out: {', '.join(unused)}", err=True)
    return rows.plain(table.select(wanted))


def rollback(
    loop: LoopName,
    to: Annotated[int | None, typer.Option(help="The version; the one before if left out.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "asked for by hand",
    key: Annotated[str | None, typer.Option(help="The same key again is the same rollback.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Send all traffic back to an archived version, now: a change of route, nothing is loaded."""
    found = client().controller.rollback(loop, to, reason, key)
    _stands(found, output, f"{loop} answers with version {found['champion']} again.")


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
    _stands(run, output, f"Run {run['number']} is opened. Watch it:  millrace watch {loop}")


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


def _stands(found: Json, output: Format, words: str) -> None:
    if output == Format.TABLE:
        typer.echo(words)
    else:
        dump(found, output)


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
) -> None:
    """Replay history through a loop's rules: what would have happened; no endpoint is touched."""
    from millrace.delivery import format_of
    from millrace.documents import load

    loop, form = load(file), format_of(history)
    if loop.spec.data.event_time is None:
        fail(f"{file}: spec.data.eventTime is missing", "A backtest replays days, so rows need event times.")
    platform = client()
    digest = platform.registry.put_artifact(history)
    made = platform.controller.backtest(loop.document(), digest, form, history.name)
    found = _backtested(platform, made["id"], timeout)
    if output != Format.TABLE:
        return dump(found, output)
    one({name: value for name, value in found.items() if name not in ("document", "loop")}, output)
    if found["state"] == "failed":
        raise typer.Exit(1)
    return None


def _backtested(platform: Any, id: str, timeout: float) -> Json:
    """Wait for the end of a backtest. Raises: TimeoutError."""
    from millrace.cli.progress import job_bar

    deadline = time.monotonic() + timeout
    with job_bar("backtest") as told:
        while time.monotonic() < deadline:
            found: Json = platform.controller.backtest_state(id, wait=5)
            waiting = (found.get("waiting") or {}).get("message")
            told({"progress": found.get("progress"), "state": waiting or found["state"]})
            if found["state"] in ("succeeded", "failed"):
                return found
    raise TimeoutError(f"the backtest {id} has not ended after {timeout:.0f} s; it goes on")
