"""Training code of one's own: packed and uploaded beside the loop that names it, or by hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.output import Format, Output, dump
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.loop import ModelLoop

code = group("code", "Training code of one's own, which a loop names below spec.training.code.")
MEDIA = "application/x-tar"


@command(
    code, "push", "millrace code push training/", "millrace code push training/ --entry train:main -o json"
)
def push(
    folder: Annotated[Path, typer.Argument(help="The folder with the code.")],
    entry: Annotated[str | None, typer.Option(help="module:function that must be in it.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Pack a folder and upload it; its digest is what a loop names where nobody packs beside it (kubectl, REST)."""
    digest = client().registry.put_artifact(_packed(folder, entry), MEDIA)
    if output != Format.TABLE:
        return dump({"digest": digest}, output)
    typer.echo(f"{folder} is uploaded. In the loop, below spec.training.code, instead of path:")
    typer.echo(f"  digest: {digest}")
    return None


def with_code(platform: "Millrace", loop: "ModelLoop", file: Path) -> "ModelLoop":
    """The loop as it is declared: the folder beside *file* is uploaded, and its digest stands where its path stood."""
    named = loop.spec.training.code
    if named is None:
        return loop
    if named.path is None:
        assert named.digest is not None
        platform.registry.check_artifact(named.digest)
        return loop
    packed = _packed(file.parent / named.path, named.entry)
    digest = platform.registry.put_artifact(packed, MEDIA)
    training = loop.spec.training.model_copy(
        update={"code": named.model_copy(update={"path": None, "digest": digest})}
    )
    return loop.model_copy(update={"spec": loop.spec.model_copy(update={"training": training})})


def _packed(folder: Path, entry: str | None) -> bytes:
    from millrace.code_archive import BadCode, pack

    try:
        return pack(folder, entry)
    except BadCode as error:
        fail(f"training code: {error.what}", error.mend)
