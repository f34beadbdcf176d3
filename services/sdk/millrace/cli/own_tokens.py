"""Tokens of who is signed in at a cluster's provider: the registry keeps them."""

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from millrace.cli.command import fail
from millrace.cli.moments import UNTIL, ahead
from millrace.cli.output import Columns, Format, items
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.people import TokenGrant, TokenRead


def elsewhere() -> bool:
    """Whether commands talk to a platform of somewhere else, which keeps its people's tokens itself."""
    from millrace.transport import address, login

    return any(address.named().values()) or login.path().exists()


def create(role: str | None, only: str | None, expires: str, label: str) -> None:
    """Make one, and show it this once."""
    from pydantic import ValidationError

    from millrace_contracts.people import TokenWrite

    if role is None:
        fail(
            "a token needs a role",
            "Say what it may: --role operator --only shop; 'millrace whoami' shows yours.",
        )
    end = ahead(expires)
    days = math.ceil((end - datetime.now(UTC)).total_seconds() / 86_400)
    asked = {"label": label, "days": days, "until": end, "grants": [{"role": role, "project": only}]}
    try:
        wanted = TokenWrite.model_validate(asked)
    except ValidationError as error:
        fail(f"such a token cannot be made: {error.errors()[0]['msg']}", f"Write --expires like {UNTIL}")
    made = client().registry.make_token(wanted)
    typer.echo(made.token)
    may = ", ".join(_told(grant) for grant in made.grants)
    typer.echo(f"It is {made.name}'s, as {may}, until {made.ends_at:%Y-%m-%d %H:%M} UTC.", err=True)
    typer.echo(f"To end it:  millrace tokens revoke {made.id}", err=True)


def show(everybodys: bool, output: Format) -> None:
    """Those that there are, also the ended ones."""
    columns: Columns[TokenRead] = (
        ("ID", lambda item: item.id),
        ("NAME", lambda item: item.name),
        ("ROLES", lambda item: ", ".join(_told(grant) for grant in item.grants)),
        ("WHAT FOR", lambda item: item.label),
        ("BEGAN", lambda item: item.made_at),
        ("ENDS", lambda item: item.revoked_at or item.ends_at),
        ("REVOKED BY", lambda item: item.revoked_by),
    )
    items(client().registry.tokens(everybodys), columns, output, "There is no token of yours.")


def revoke(id: str) -> None:
    """End one."""
    client().registry.revoke_token(id)
    typer.echo(f"Revoked: {id}. It opens nothing any more, within three seconds nowhere.")


def _told(grant: "TokenGrant") -> str:
    return f"{grant.role} in {grant.project}" if grant.project else f"{grant.role} everywhere"
