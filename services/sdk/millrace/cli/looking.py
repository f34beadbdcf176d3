"""The command that leads a browser into the console."""

import os
from typing import Annotated

import typer

from millrace.cli.command import fail
from millrace.cli.output import Format, Output, dump


def console(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    url: Annotated[
        str | None,
        typer.Option(help="Where the console answers, if not on this machine; MILLRACE_CONSOLE_URL."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Print a link that signs you in to the console; it works once, within two minutes."""
    from millrace.transport import address
    from millrace.transport.links import link

    place = address.from_environment()
    where = url or os.environ.get("MILLRACE_CONSOLE_URL") or place.urls.get("console")
    if not where:
        fail(
            "it is not known where the console answers",
            "In a cluster: kubectl port-forward service/millrace-console 8080, then "
            "millrace console --url http://127.0.0.1:8080",
        )
    found = link(where, place.token)
    if output != Format.TABLE:
        return dump({"url": found}, output)
    typer.echo(found)
    if show:
        typer.launch(found)
    return None
