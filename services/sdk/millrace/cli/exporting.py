"""`millrace export`: a loop for kubectl."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    file: Annotated[Path, typer.Option("--file", "-f", help="The loop's YAML document.")],
    out: Annotated[Path | None, typer.Option(help="Where to; left out: printed.")] = None,
) -> None:
    """Write a loop as one document for kubectl and Git: the contract stands in it, and files beside it do not."""
    from millrace.exporting import export as exported

    made = exported(file)
    if out is None:
        typer.echo(made.text, nl=False)
    else:
        out.write_text(made.text, encoding="utf-8")
        typer.echo(f"Wrote {out}. Next:  kubectl apply -f {out}", err=True)
    if made.rows is not None:
        typer.echo(f"Its rows follow by:  millrace data push {made.name} {made.rows}", err=True)
