"""`millrace card`: what a version is, how good, for whom not, made of what, decided by whom."""

from pathlib import Path
from typing import Annotated

import typer

from millrace.cli.command import fail
from millrace.cli.session import client


def card(
    loop: Annotated[str, typer.Argument(help="Name of the loop.")],
    version: Annotated[
        int | None, typer.Argument(help="The version; left out: the champion, or else the newest.", min=1)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to, without an ending: .md, .html and .signature.json are written."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the Markdown, and write nothing.")] = False,
) -> None:
    """Write the model card of a version, as Markdown and as a page to read offline, signed by the registry."""
    from millrace import cards
    from millrace.cards import signing
    from millrace.client import ApiError
    from millrace.client.cards import gather

    platform = client()
    told = gather(platform, loop, version)
    if show:
        return typer.echo(cards.markdown(told))
    stem = out or Path(f"{loop}-{told.release.number}-card")
    if not stem.absolute().parent.is_dir():
        fail(f"there is no folder {stem.absolute().parent}", "Make it, or name another with --out.")
    try:
        signed = signing.write(platform, told, stem)
    except ApiError as error:
        if error.status not in (403, 409):
            raise
        typer.echo(f"It is not signed: {error}", err=True)
        signed = signing.write(platform, told, stem, sign=False)
    typer.echo(f"{stem}.html, {stem}.md: {'signed by ' + signed.key if signed else 'not signed'}")
    if signed:
        typer.echo(f"Check it anywhere:  millrace audit check {stem}.html")
    return None
