"""Commands about who you are to the platform."""

from typing import TYPE_CHECKING

import typer

from millrace.cli.output import Columns, Format, Output, dump, items
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.people import ProjectRolesRead


def whoami(output: Output = Format.TABLE) -> None:
    """Whom your token names, and what you may do in which project."""
    who = client().registry.whoami()
    if output != Format.TABLE:
        return dump(who, output)
    everywhere = f"{who.role} in every project" if who.role else "no role that holds everywhere"
    typer.echo(f"{who.name}: {everywhere}; this command line is in the project {who.project}.")
    columns: Columns[ProjectRolesRead] = (
        ("PROJECT", lambda item: item.project),
        ("ROLES", lambda item: ", ".join(item.roles)),
    )
    items(who.projects, columns, output, "You have no role in any project that there is.")
    return None
