"""Commands for an archive of one loop: made with everything that is known of it, and checked without a platform."""

import zipfile
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
    "millrace audit export my-loop --for eu-ai-act --for iso-42001",
)
def export(
    loop: Loop,
    out: Annotated[Path | None, typer.Option(help="The archive; left out: LOOP-audit.zip here.")] = None,
    head: Head = None,
    framework: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            help="Read it against eu-ai-act, nist-ai-rmf or iso-42001, clause by clause; may come again.",
        ),
    ] = None,
) -> None:
    """Everything about a loop in one signed archive that is read without a platform; index.html leads through it."""
    from millrace import archive, auditing
    from millrace.client import ApiError
    from millrace.evidence import FRAMEWORKS

    strange = [name for name in framework or [] if name not in FRAMEWORKS]
    if strange:
        fail(f"there is no framework {strange[0]!r}", f"There are {', '.join(FRAMEWORKS)}.")
    platform, target = client(), out or Path(f"{loop}-audit.zip")
    report = auditing.verify(platform, *heads_of(platform, head, None))
    try:
        signed = archive.write(platform, loop, report, target, frameworks=framework or [])
    except ApiError as error:
        if error.status not in (403, 409):
            raise
        typer.echo(f"It is not signed: {error}", err=True)
        signed = archive.write(platform, loop, report, target, sign=False, frameworks=framework or [])
    typer.echo(f"{target}: {'signed by ' + signed.key if signed else 'not signed'}; check it anywhere:")
    typer.echo(f"  millrace audit check {target}")


@command(
    audit,
    "check",
    "millrace audit check my-loop-audit.zip",
    "millrace audit check evidence.zip --key ed25519:5c1e0f...",
)
def check_archive(
    path: Annotated[Path, typer.Argument(help="The archive, or a card.")],
    key: Key = None,
    output: Output = Format.TABLE,
) -> None:
    """Check an archive or a card without any platform: files, links, signature. Exits with 1 if any was changed."""
    from millrace import archive, auditing
    from millrace.cards import signing

    beside = signing.signature_of(path)
    try:
        opened = archive.read(path) if beside is None else archive.Opened(*signing.check(beside, path))
    except FileNotFoundError:
        fail(f"there is no {path}", "millrace audit export LOOP makes one.")
    except (auditing.NotSigned, ValueError) as error:
        fail(str(error), "It is not what was exported.")
    except zipfile.BadZipFile:
        fail(f"{path} is no archive, and has no signature beside it", "Keep a card with its .signature.json.")
    if key and opened.key not in key:
        fail(f"{path} is signed by {opened.key or 'nobody'}, not by {' or '.join(key)}")
    facts = {"files": len(opened.files), "signed": opened.statement, "key": opened.key}
    one(facts, output)
