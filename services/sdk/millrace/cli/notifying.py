"""Commands for being told: channels and how they do, a test of them, and messages on their way."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.exits import REFUSED
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, dump, items, span
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.messages import ChannelRead, MessageRead, SetAsideRead, TestAnswer
    from millrace_contracts.notices import Channel

notify = group("notify", "Who is told what happens: channels, a test of them, messages.")
Loop = Annotated[str | None, typer.Argument(help="The loop; left out: all of the project.")]
STATES = ("waiting", "sent", "given-up")


@command(notify, "list", "millrace notify list", "millrace notify list my-loop -o json")
def list_channels(loop: Loop = None, output: Output = Format.TABLE) -> None:
    """Channels, what they tell, and what is wrong with them."""
    columns: Columns[ChannelRead] = (
        ("CHANNEL", lambda item: item.name),
        ("OF", lambda item: item.loop or item.scope),
        ("KIND", lambda item: item.kind),
        ("TO", lambda item: item.to),
        ("TELLS", lambda item: item.tell),
        ("WAITING", lambda item: item.waiting),
        ("UNDELIVERED", lambda item: item.undelivered),
        ("PROBLEM", lambda item: item.problem),
    )
    empty = "Nobody is told. Name channels below spec.notify, or: millrace notify put --help"
    items(client().monitoring.channels(loop), columns, output, empty)


@command(
    notify,
    "test",
    "millrace notify test my-loop",
    "millrace notify test my-loop --channel team",
    "millrace notify test --channel team    # a channel of the project",
)
def send_test(
    loop: Loop = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Send a message that says that it is a test, and show what each other side answered."""
    if loop is None and channel is None:
        fail(
            "a test needs a loop or a channel",
            "millrace notify test my-loop, or millrace notify test --channel team",
        )
    columns: Columns[TestAnswer] = (
        ("CHANNEL", lambda item: item.channel),
        ("KIND", lambda item: item.kind),
        ("DELIVERED", lambda item: item.delivered),
        ("ANSWER", lambda item: item.answer),
    )
    found = client().monitoring.test_channels(loop, channel)
    items(found, columns, output, "There is no channel to test; see: millrace notify list")
    if not found or not all(item.delivered for item in found):
        raise typer.Exit(REFUSED)


@command(
    notify,
    "messages",
    "millrace notify messages",
    "millrace notify messages my-loop --state given-up -o json",
)
def list_messages(
    loop: Loop = None,
    state: Annotated[str | None, typer.Option(help="waiting, sent or given-up.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Messages on their way and of the last 30 days, the newest first."""
    if state is not None and state not in STATES:
        fail(f"there is no state '{state}'", f"Say one of {', '.join(STATES)}.")
    columns: Columns[MessageRead] = (
        ("MESSAGE", lambda item: item.id),
        ("CHANNEL", lambda item: item.channel),
        ("STATE", lambda item: item.state),
        ("TITLE", lambda item: item.title),
        (EVENT_TIME, _happened),
        (RECORDED, lambda item: item.created_at),
        ("TRIES", lambda item: item.attempts),
        ("NEXT", lambda item: item.next_at),
        ("ANSWER", lambda item: item.held or item.answer),
    )
    found = client().monitoring.messages(loop, state, 200)  # type: ignore[arg-type]
    items(found, columns, output, "There are no messages.")


def _happened(message: "MessageRead") -> str | None:
    """The event times of what a message tells."""
    known = [item.event_time for item in message.items if item.event_time is not None]
    return span(min(known), max(known)) if known else None


@command(notify, "resend", "millrace notify resend 0f9b6c1e-…")
def resend(
    message: Annotated[str, typer.Argument(help="Its id, as 'notify messages' shows it.")],
    output: Output = Format.TABLE,
) -> None:
    """Try a message again that was given up."""
    found = client().monitoring.resend(message)
    if output != Format.TABLE:
        return dump(found, output)
    return typer.echo(f"It is tried again: {found.title}")


@command(notify, "aside", "millrace notify aside", "millrace notify aside --again")
def list_set_aside(
    again: Annotated[
        bool, typer.Option("--again", help="Read them again now, and tell what can be told.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Decisions of all projects that could be told to nobody, and why."""
    columns: Columns[SetAsideRead] = (
        ("DECISION", lambda item: item.number),
        ("PROJECT", lambda item: item.project),
        ("LOOP", lambda item: item.loop),
        ("TRIED", lambda item: item.at),
        ("WHY", lambda item: item.why),
    )
    told = client().monitoring
    found = told.read_set_aside() if again else told.set_aside()
    items(found, columns, output, "Everything that happened could be told.")


@command(notify, "put", "millrace notify put team -f team.yaml")
def put_channel(
    name: Annotated[str, typer.Argument(help="Name of the channel.")],
    file: Annotated[Path, typer.Option("--file", "-f", help="A channel as in a loop, without its name.")],
    output: Output = Format.TABLE,
) -> None:
    """Tell people of every loop of the project by a channel."""
    found = client().monitoring.put_channel(name, _read(file))
    if output != Format.TABLE:
        return dump(found, output)
    typer.echo(f"Loops of the project are told by {name} ({found.kind}): {', '.join(found.tell)}.")
    if found.problem:
        typer.echo(f"It cannot tell anything yet: {found.problem}", err=True)
    return typer.echo(f"Try it:  millrace notify test --channel {name}")


@command(notify, "delete", "millrace notify delete team")
def delete_channel(name: Annotated[str, typer.Argument(help="Name of the channel.")]) -> None:
    """Tell nobody by a channel of the project any more."""
    client().monitoring.delete_channel(name)
    typer.echo(f"Nobody is told by {name} any more.")


def _read(file: Path) -> "Channel":
    import yaml
    from pydantic import ValidationError

    from millrace_contracts.loop import mistakes
    from millrace_contracts.notices import Channel

    try:
        return Channel.model_validate(yaml.safe_load(file.read_text()))
    except ValidationError as error:
        fail(f"{file} is no channel", *mistakes(error))
    except (OSError, ValueError, yaml.YAMLError) as error:
        fail(f"{file} cannot be read: {error}")
