"""Commands for people on this machine: a token each, so that who approves is somebody else than who asked."""

import os
from pathlib import Path
from typing import Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.output import Columns, Format, Output, items

tokens = group(
    "tokens", "People who share this machine's platform: a token each, with a role. A cluster has its own."
)
ROLES = ("viewer", "labeller", "operator", "approver", "admin")
Name = Annotated[str, typer.Argument(help="How decisions name them.")]


@command(
    tokens,
    "create",
    "ADA=$(millrace tokens create ada --role approver)",
    "millrace tokens create bob --role operator --only shop",
    "MILLRACE_TOKEN=$ADA millrace approvals list",
)
def create_token(
    name: Name,
    role: Annotated[str, typer.Option(help=f"What they may: {', '.join(ROLES)}.")],
    only: Annotated[str | None, typer.Option(help="The project in which; everywhere if left out.")] = None,
) -> None:
    """Make a token for somebody. It is shown this once; MILLRACE_TOKEN says as whom a command acts."""
    from millrace.laptop import tokens as kept

    if role not in ROLES:
        fail(
            f"{role!r} is no role",
            f"Say one of {', '.join(ROLES)}; docs/reference/roles.md tells what each may.",
        )
    try:
        typer.echo(kept.add(_folder(), name, role, only))
    except ValueError as error:
        fail(str(error), f"Take another name, or first: millrace tokens revoke {name}")


@command(tokens, "list", "millrace tokens list", "millrace tokens list -o json")
def list_tokens(output: Output = Format.TABLE) -> None:
    """Who has a token here; never the token itself."""
    from millrace.laptop import tokens as kept

    columns: Columns[dict[str, str]] = (
        ("NAME", lambda entry: entry["name"]),
        ("ROLE", lambda entry: entry["role"]),
        ("PROJECT", lambda entry: entry.get("project", "all")),
    )
    known = [
        {key: value for key, value in entry.items() if key != "sha256"} for entry in kept.people(_folder())
    ]
    items(known, columns, output, "Nobody but this machine's own user has a token.")


@command(tokens, "revoke", "millrace tokens revoke bob")
def revoke_token(name: Name) -> None:
    """Let somebody in no more."""
    from millrace.laptop import tokens as kept

    if not kept.remove(_folder(), name):
        fail(f"nobody named {name} has a token here", "See them with: millrace tokens list")
    typer.echo(f"The token of {name} opens nothing any more.")


def _folder() -> Path:
    """Where this machine's platform keeps its tokens."""
    home = Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace")
    if not (home / "run" / "tokens.json").exists():
        fail(
            f"there is no platform in {home}",
            "Start one with: millrace up. In a cluster, see docs/howto/team.md.",
        )
    return home / "run"
