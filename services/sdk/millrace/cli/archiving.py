"""Commands for an archive of one loop: made with everything that is known of it, and checked without a platform."""

from pathlib import Path
from typing import Annotated

import typer

from millrace.cli.auditing import Head, Key, Loop, heads_of
from millrace.cli.auditing import audit as audit
from millrace.cli.command import command, fail
from millrace.cli.output import Format, Output, one
from millrace.cli.session import client


@command(
    audit,
    "export",
    "millrace audit export my-loop",
    "millrace audit export my-loop --out evidence.zip --head /mnt/worm/heads.jsonl",
)
def export(
    loop: Loop,
    out: Annotated[Path | None, typer.Option(help="The archive; left out: LOOP-audit.zip here.")] = None,
    head: Head = None,
) -> None:
    """Everything about a loop in one signed archive that is read without a platform; index.html leads through it."""
    from millrace import archive, auditing
    from millrace.client import ApiError

    platform, target = client(), out or Path(f"{loop}-audit.zip")
    report = auditing.verify(platform, *heads_of(platform, head, None))
    try:
        signed = archive.write(platform, loop, report, target)
    except ApiError as error:
        if error.status not in (403, 409):
            raise
        typer.echo(f"It is not signed: {error}", err=True)
        signed = archive.write(platform, loop, report, target, sign=False)
    typer.echo(f"{target}: {'signed by ' + signed.key if signed else 'not signed'}; check it anywhere:")
    typer.echo(f"  millrace audit check {target}")


@command(
    audit,
    "check",
    "millrace audit check my-loop-audit.zip",
    "millrace audit check evidence.zip --key ed25519:5c1e0f...",
)
def check_archive(
    path: Annotated[Path, typer.Argument(help="The archive.")], key: Key = None, output: Output = Format.TABLE
) -> None:
    """Check an archive without any platform: every file, and the signature. Exits with 1 if anything was changed."""
    from millrace import archive, auditing

    try:
        opened = archive.read(path)
    except FileNotFoundError:
        fail(f"there is no {path}", "millrace audit export LOOP makes one.")
    except (auditing.NotSigned, ValueError) as error:
        fail(str(error), "It is not what was exported.")
    if key is not None and opened.key != key:
        fail(f"{path} is signed by {opened.key or 'nobody'}, not by {key}")
    facts = {"files": len(opened.files), "signed": opened.statement, "key": opened.key}
    one(facts, output)
