"""Commands for keys: who may ask a model from outside, until when, and how much."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, group
from millrace.cli.moments import UNTIL, ahead
from millrace.cli.output import Columns, Format, Output, dump, items
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.keys import KeyRead

keys = group("keys", "Keys for inference: who may ask which endpoints, until when, and how much.")
Name = Annotated[str, typer.Argument(help="Name of the key.")]


@command(
    keys,
    "create",
    "millrace keys create web-shop --endpoint my-loop",
    "millrace keys create partner --endpoint my-loop --expires 90d --per-second 50 --max-body-bytes 65536",
    "millrace keys create ci -o json | jq -r .key    # every endpoint of the project",
)
def create_key(
    name: Annotated[
        str, typer.Argument(help="By which it is told and revoked; never used twice in a project.")
    ],
    endpoint: Annotated[
        list[str] | None,
        typer.Option("--endpoint", help="What it may ask; again for more. Left out: all of the project."),
    ] = None,
    expires: Annotated[str | None, typer.Option(help=f"When it ends: {UNTIL}")] = None,
    per_second: Annotated[int | None, typer.Option(help="Requests a second that each gateway takes.")] = None,
    max_body_bytes: Annotated[int | None, typer.Option(help="Longest request.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a key. It is shown this once, and nobody can read it again."""
    from millrace_contracts.keys import KeyWrite

    wanted = KeyWrite(
        name=name,
        endpoints=endpoint or [],
        expires_at=None if expires is None else ahead(expires),
        requests_per_second=per_second,
        max_body_bytes=max_body_bytes,
    )
    serving = client().serving
    made = serving.make_key(wanted)
    if output != Format.TABLE:
        return dump(made, output)
    typer.echo(made.key)
    until = (
        "until it is revoked" if made.expires_at is None else f"until {made.expires_at:%Y-%m-%d %H:%M} UTC"
    )
    typer.echo(f"It opens {', '.join(made.endpoints) or 'every endpoint of the project'} {until}.", err=True)
    typer.echo("Keep it now: it is not shown again. Send it with each request:", err=True)
    typer.echo("  curl -H 'Authorization: Bearer <key>' …    See where:  millrace endpoints list", err=True)
    return None


@command(keys, "list", "millrace keys list", "millrace --project shop keys list -o json")
def list_keys(output: Output = Format.TABLE) -> None:
    """The keys of the project, also those that have ended; never what opens the door."""
    columns: Columns[KeyRead] = (
        ("NAME", lambda key: key.name),
        ("STATE", lambda key: key.state.value),
        ("ENDPOINTS", lambda key: key.endpoints or "all of the project"),
        ("EXPIRES", lambda key: key.expires_at),
        ("PER SECOND", lambda key: key.requests_per_second),
        ("MAX BYTES", lambda key: key.max_body_bytes),
        ("MADE BY", lambda key: key.made_by),
        ("MADE", lambda key: key.made_at),
        ("REVOKED BY", lambda key: key.revoked_by),
    )
    empty = "There are no keys; make one with 'millrace keys create NAME --endpoint ENDPOINT'."
    items(client().serving.keys(), columns, output, empty)


@command(
    keys,
    "expire",
    "millrace keys expire partner --at 30d",
    "millrace keys expire partner --at 2027-01-31T00:00:00Z",
)
def expire_key(
    name: Name,
    at: Annotated[str, typer.Option(help=f"When it ends: {UNTIL}")],
    output: Output = Format.TABLE,
) -> None:
    """Set when a key ends, as before another takes its place."""
    changed = client().serving.expire_key(name, ahead(at))
    if output != Format.TABLE:
        return dump(changed, output)
    return typer.echo(f"The key {name} ends on {changed.expires_at:%Y-%m-%d %H:%M} UTC.")


@command(keys, "revoke", "millrace keys revoke partner")
def revoke_key(name: Name, output: Output = Format.TABLE) -> None:
    """Let a key in no more; when this returns, every gateway that is up refuses it."""
    changed = client().serving.revoke_key(name)
    if output != Format.TABLE:
        return dump(changed, output)
    return typer.echo(f"The key {name} is let in no more.")
