"""Commands for alarms: look at them, say that one was seen, tell nobody of it for a while."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.moments import instant
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, dump, items, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.alarms import AlarmRead, AlarmState

alarms = group("alarms", "What the monitors found, and who is told of it.")
Id = Annotated[str, typer.Argument(help="Its id, or the first characters.")]


@command(alarms, "list", "millrace alarms list", "millrace alarms list --loop my-loop --state open")
def list_alarms(
    loop: Annotated[str | None, typer.Option("--loop", help="Only of this loop.")] = None,
    state: Annotated[str | None, typer.Option(help="open, acknowledged or closed.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Alarms, the newest first."""
    columns: Columns[AlarmRead] = (
        ("ID", lambda alarm: alarm.id[:8]),
        ("ENDPOINT", lambda alarm: alarm.endpoint),
        ("KIND", lambda alarm: alarm.kind),
        ("STATE", lambda alarm: alarm.state),
        (EVENT_TIME, lambda alarm: alarm.event_day),
        (RECORDED, lambda alarm: alarm.opened_at),
        ("DAYS", lambda alarm: alarm.event_days),
        ("SEEN BY", lambda alarm: alarm.acknowledged_by),
        ("SEEN", lambda alarm: alarm.acknowledged_at),
        ("SILENT UNTIL", lambda alarm: alarm.silenced_until),
        ("REASON", lambda alarm: alarm.reason),
    )
    items(
        client().monitoring.alarms(endpoint=loop, state=cast("AlarmState | None", state)),
        columns,
        output,
        "There are no alarms.",
    )


@command(alarms, "show", "millrace alarms show 1f0c6a52")
def show_alarm(id: Id, output: Output = Format.TABLE) -> None:
    """One alarm with its evidence."""
    one(_of(client(), id), output)


@command(alarms, "acknowledge", "millrace alarms acknowledge 1f0c6a52")
def acknowledge_alarm(id: Id, output: Output = Format.TABLE) -> None:
    """Say that you have seen it; your name is recorded."""
    platform = client()
    seen = platform.monitoring.acknowledge(_of(platform, id).id)
    _say(seen, output, f"{seen.cause} of {seen.endpoint} is acknowledged.")


@command(
    alarms,
    "silence",
    "millrace alarms silence 1f0c6a52 --for 3d --reason 'the plant is being rebuilt'",
    "millrace alarms silence 1f0c6a52 --until 2026-12-04T08:00:00Z --reason 'known until the meter is changed'",
)
def silence_alarm(
    id: Id,
    reason: Annotated[str, typer.Option(help="Why; it is recorded under your name.")],
    span: Annotated[str | None, typer.Option("--for", help="How long from now, like 12h or 3d.")] = None,
    until: Annotated[str | None, typer.Option(help="Until when instead; without an offset in UTC.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Tell people nothing of an alarm for a while, at most 90 days; the loop goes on to act upon it.

    It holds for this alarm, and for the next of the same cause that comes within it.
    """
    platform = client()
    silent = platform.monitoring.silence(_of(platform, id).id, _end(span, until), reason)
    _say(
        silent,
        output,
        f"Nobody is told of {silent.cause} of {silent.endpoint} until {silent.silenced_until}.",
    )


@command(alarms, "unsilence", "millrace alarms unsilence 1f0c6a52")
def unsilence_alarm(id: Id, output: Output = Format.TABLE) -> None:
    """Tell people of it again."""
    platform = client()
    told = platform.monitoring.unsilence(_of(platform, id).id)
    _say(told, output, f"People are told of {told.cause} of {told.endpoint} again.")


def _end(span: str | None, until: str | None) -> datetime:
    """When a silence ends. Exits with what to write instead."""
    from millrace_contracts import durations

    if (span is None) == (until is None):
        return fail("Until when?", "Give one of --for 3d and --until 2026-12-04T08:00:00Z.")
    if until is not None:
        return instant(until)
    try:
        return datetime.now(UTC) + durations.parse(span or "")
    except ValueError as error:
        return fail(f"--for {span}: {error}", "Write it like 12h or 3d.")


def _of(platform: "Millrace", id: str) -> "AlarmRead":
    from millrace.cli.choosing import by_prefix

    return by_prefix(id, platform.monitoring.alarms(), "alarm")


def _say(alarm: "AlarmRead", output: Format, words: str) -> None:
    if output == Format.TABLE:
        typer.echo(words)
    else:
        dump(alarm, output)
