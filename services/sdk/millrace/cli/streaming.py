"""The commands `data stream` and `data streams`: lines of JSON as they come, and how streams stand."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import fail
from millrace.cli.exits import REFUSED
from millrace.cli.output import Columns, Format, Output, dump, items
from millrace.cli.session import client
from millrace_contracts.counting import counted

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace.streaming import Streamed
    from millrace_contracts.streams import StreamRead

LoopName = Annotated[str, typer.Argument(help="Name of the loop.")]


def stream(
    loop: LoopName,
    file: Annotated[
        Path | None,
        typer.Argument(help="A file of JSON lines; standard input if left out.", exists=True, dir_okay=False),
    ] = None,
    batch: Annotated[int, typer.Option(help="Rows that are sent at a time.", min=1, max=50_000)] = 1000,
    key: Annotated[
        str | None,
        typer.Option(help="A name of this stream: with the same name the same lines may be sent again."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Have the rows delivered at the end, and wait for the report."),
    ] = True,
    output: Output = Format.TABLE,
) -> None:
    """Send rows to a loop as they come: JSON lines, each an object.

    Rows are kept as they come, and held to the contract when they are delivered: when there are enough of them, after
    some minutes, or at the end of the command. While too many wait, it waits too, and so does who writes the lines.
    """
    from millrace import streaming

    platform = client()
    if file is None and sys.stdin.isatty():
        fail("no rows are given", f"Like:  millrace data stream {loop} < rows.jsonl")
    source = sys.stdin.buffer if file is None else file.open("rb")
    with source:
        sent = streaming.stream(platform, loop, source, batch=batch, key=key)
    if not sent.batches:
        fail("no rows have come", 'Send a row a line, like {"column": value}.')
    _say(output, sent)
    stands = _delivered(platform, loop, sent) if wait else platform.training.stream(loop)
    if output != Format.TABLE:
        return dump(stands, output)
    return _tell(platform, loop, stands, wait)


def _say(output: Format, sent: "Streamed") -> None:
    words = [f"{counted(sent.rows, 'row')} in {counted(sent.batches, 'batch is', 'batches are')} kept"]
    words += [f"{sent.repeated} of them were here before"] if sent.repeated else []
    words += [f"{sent.unreadable} are no JSON objects"] if sent.unreadable else []
    typer.echo("; ".join(words) + ".", err=output != Format.TABLE)


def _delivered(platform: "Millrace", loop: str, sent: "Streamed") -> "StreamRead":
    from millrace import streaming
    from millrace.cli.progress import Now, job_bar

    before = platform.training.stream(loop)
    with job_bar(f"delivery to {loop}") as told:
        stands = streaming.deliver(
            platform, loop, sent.last_number, lambda now: told(Now(now.message or now.state))
        )
    if stands.refused > before.refused:
        fail(
            "rows are refused",
            stands.message,
            f"They are kept: millrace data quarantine list {loop}",
            code=REFUSED,
        )
    return stands


def _tell(platform: "Millrace", loop: str, stands: "StreamRead", waited: bool) -> None:
    from millrace_contracts.rows import IngestResult

    if not waited:
        typer.echo(
            f"{counted(stands.pending_rows, 'row waits', 'rows wait')} to be delivered. See:  millrace data streams"
        )
        return
    typer.echo(stands.message)
    if stands.job is not None:
        for line in IngestResult.model_validate(platform.training.job(stands.job).result).report.told():
            typer.echo(f"  {line}")


def streams(output: Output = Format.TABLE) -> None:
    """How the streams of all loops stand."""
    columns: Columns[StreamRead] = (
        ("LOOP", lambda item: item.loop),
        ("STATE", lambda item: item.state),
        ("WAITING", lambda item: item.pending_rows),
        ("SINCE", lambda item: item.oldest_at),
        ("DELIVERIES", lambda item: item.deliveries),
        ("ROWS", lambda item: item.rows),
        ("NEW", lambda item: item.new_rows),
        ("REFUSED", lambda item: item.refused),
        ("MESSAGE", lambda item: item.message),
    )
    items(client().training.streams(), columns, output, "Nothing has been streamed yet.")
