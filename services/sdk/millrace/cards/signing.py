"""A card on disk: Markdown, a page, and a file with the registry's signature over both, to be checked without it."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.auditing import NotSigned, canonical, signed_by
from millrace.cards.documents import html, markdown
from millrace_contracts.audit import ArchiveStatement, ArchiveWrite
from millrace_contracts.cards import ModelCard, SignedCard

if TYPE_CHECKING:
    from millrace.client import Millrace

SUFFIX = ".signature.json"


def write(platform: "Millrace", card: ModelCard, stem: Path, sign: bool = True) -> ArchiveStatement | None:
    """Write *stem*.md, *stem*.html and their signature; returns what was signed, None for nothing.

    A signature that an earlier card of that name left is taken away. Raises: ApiError if it cannot be signed.
    """
    files = {stem.name + ".md": markdown(card).encode(), stem.name + ".html": html(card).encode()}
    manifest = canonical(
        {
            "project": card.project,
            "loop": card.loop,
            "version": card.release.number,
            "release": card.release.digest,
            "files": {name: _digest(data) for name, data in sorted(files.items())},
        }
    )
    beside = stem.with_name(stem.name + SUFFIX)
    beside.unlink(missing_ok=True)
    for name, data in files.items():
        stem.with_name(name).write_bytes(data)
    if not sign:
        return None
    signed = platform.registry.sign_archive(ArchiveWrite(loop=card.loop, digest=_digest(manifest)))
    beside.write_text(SignedCard(manifest=manifest.decode(), signed=signed).model_dump_json(indent=1))
    return ArchiveStatement.model_validate_json(signed.statement)


def signature_of(path: Path) -> Path | None:
    """The file with the signature of a card, if *path* is a card or that file, and it is there."""
    if path.name.endswith(SUFFIX):
        return path
    beside = path.with_name(path.stem + SUFFIX)
    return beside if path.suffix in (".md", ".html") and beside.exists() else None


def check(beside: Path, document: Path) -> tuple[dict[str, str], ArchiveStatement, str]:
    """Check every document that a signature speaks of; returns their digests, the statement and the key's fingerprint.

    Args:
        document: what was asked about: one of them, or the file *beside* them with the signature.
    Raises: NotSigned for one that was changed or is not there, and for a *document* that was never signed. ValueError
    for a file that is no signature.
    """
    kept = SignedCard.model_validate_json(beside.read_text())
    statement, key = signed_by(kept.signed)
    manifest = kept.manifest.encode()
    if statement.digest != _digest(manifest):
        raise NotSigned(f"{beside} was changed: its manifest is not the one that was signed")
    listed: dict[str, str] = json.loads(manifest)["files"]
    if document.name not in (beside.name, *listed):
        raise NotSigned(f"{document} was not signed: {beside.name} speaks of {', '.join(listed)}")
    for name, digest in listed.items():
        path = beside.with_name(Path(name).name)
        if not path.exists():
            raise NotSigned(f"{path} is not there")
        if _digest(path.read_bytes()) != digest:
            raise NotSigned(f"{path} was changed")
    return listed, statement, key


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
