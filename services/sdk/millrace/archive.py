"""A signed archive of one loop that is readable without a platform: what was declared, decided, made and served.

Each part is a function that gives files; whoever has more to tell adds one to PARTS.
"""

import hashlib
import html
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from millrace.auditing import NotSigned, canonical, check, signed_by
from millrace.evidence import pack
from millrace_contracts.audit import ArchiveStatement, ArchiveWrite, AuditReport, SignedHead
from millrace_contracts.loop import ModelLoop

if TYPE_CHECKING:
    from pydantic import BaseModel

    from millrace.client import Millrace

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
File = tuple[str, bytes]
Part = Callable[["Millrace", str], Iterator[File]]


@dataclass(frozen=True)
class Opened:
    """An archive that was checked: every file as the manifest says, and the manifest as it was signed."""

    files: dict[str, str]
    statement: ArchiveStatement | None
    key: str | None


def declared(platform: "Millrace", loop: str) -> Iterator[File]:
    """The loop as it stands, and its runs."""
    yield "loop.json", _json(platform.controller.loop(loop))
    yield "runs.json", _json(platform.controller.runs(loop))


def decided(platform: "Millrace", loop: str) -> Iterator[File]:
    """Every decision about it, with its place in the chain."""
    yield "decisions.jsonl", _lines(platform.registry.decisions(loop=loop))


def made(platform: "Millrace", loop: str) -> Iterator[File]:
    """Every version with its lineage, and who was champion when."""
    registry = platform.registry
    newest = registry.model(loop).latest if loop in {model.name for model in registry.models()} else 0
    for number in range(1, newest + 1):
        yield f"versions/{number}.json", _json(registry.version(loop, number))
        yield f"versions/{number}-lineage.json", _json(registry.lineage(loop, number))
    if newest:
        yield "champions.jsonl", _lines(registry.alias_history(loop, "champion"))


def watched(platform: "Millrace", loop: str) -> Iterator[File]:
    """Its alarms, and the signed heads of the chains."""
    yield "alarms.jsonl", _lines(platform.monitoring.alarms(endpoint=loop))
    yield "heads.jsonl", _lines(platform.registry.signed_heads(limit=1000))


def carded(platform: "Millrace", loop: str) -> Iterator[File]:
    """The card of each version, to read and to keep."""
    from millrace import cards
    from millrace.client.cards import gather

    registry = platform.registry
    newest = registry.model(loop).latest if loop in {model.name for model in registry.models()} else 0
    for number in range(1, newest + 1):
        told = gather(platform, loop, number)
        yield f"cards/{number}.md", cards.markdown(told).encode()
        yield f"cards/{number}.html", cards.html(told).encode()


def fed(platform: "Millrace", loop: str) -> Iterator[File]:
    """The dataset versions it learnt from, with their contracts, and deliveries that were refused."""
    document = ModelLoop.stored(platform.controller.loop(loop).document)
    dataset = document.spec.data.dataset
    known = {item.name for item in platform.registry.datasets()}
    yield "data.jsonl", _lines(platform.registry.dataset_versions(dataset) if dataset in known else [])
    yield "quarantine.jsonl", _lines(platform.registry.quarantined(dataset) if dataset in known else [])


def observed(platform: "Millrace", loop: str) -> Iterator[File]:
    """What is watched by which rule, every closed day, and the report."""
    if loop not in {monitor.endpoint for monitor in platform.monitoring.monitors()}:
        return
    yield "monitor.json", _json(platform.monitoring.monitor(loop))
    yield "days.jsonl", _lines(platform.monitoring.closings(loop))
    yield "report.html", platform.monitoring.report(loop).encode()


PARTS: list[Part] = [declared, decided, made, watched, carded, fed, observed]


def write(
    platform: "Millrace",
    loop: str,
    verified: AuditReport,
    target: Path | IO[bytes],
    sign: bool = True,
    frameworks: Sequence[str] = (),
) -> ArchiveStatement | None:
    """Write the archive to a file, open or not, read against *frameworks*; returns what was signed, None if nothing."""
    files = dict(file for part in PARTS for file in part(platform, loop))
    files["verification.json"] = _json(verified)
    if frameworks:
        spec = ModelLoop.stored(json.loads(files["loop.json"])["document"]).spec
        files |= pack.files([*frameworks], loop, spec, files)
    files["index.html"] = page(loop, files, verified)
    listed = {name: _digest(data) for name, data in sorted(files.items())}
    manifest = canonical({"project": platform.project, "loop": loop, "files": listed})
    signed = (
        platform.registry.sign_archive(ArchiveWrite(loop=loop, digest=_digest(manifest))) if sign else None
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (*sorted(files.items()), (MANIFEST, manifest)):
            archive.writestr(name, data)
        if signed is not None:
            archive.writestr(SIGNATURE, _json(signed))
    return None if signed is None else ArchiveStatement.model_validate_json(signed.statement)


def read(path: Path) -> Opened:
    """Check an archive, without any platform. Raises: NotSigned for one that was changed."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        files = {name: archive.read(name) for name in names}
    if len(files) < len(names):
        raise NotSigned(
            f"{path} was changed: two files in it have the same name, and only one of them was read"
        )
    manifest = files.pop(MANIFEST, None)
    signature = files.pop(SIGNATURE, None)
    if manifest is None:
        raise NotSigned(f"{path} has no {MANIFEST}")
    listed: dict[str, str] = json.loads(manifest)["files"]
    wrong = sorted(name for name in {*listed, *files} if _digest(files.get(name, b"")) != listed.get(name))
    if wrong:
        raise NotSigned(f"{path} was changed: {', '.join(wrong)}")
    if lost := pack.broken(files):
        raise NotSigned(f"{path}: {'; '.join(lost[:3])}")
    if signature is None:
        return Opened(listed, None, None)
    statement, key = signed_by(SignedHead.model_validate_json(signature))
    if statement.digest != _digest(manifest):
        raise NotSigned(f"{path} was changed: {MANIFEST} is not the one that was signed")
    heads = files.get("heads.jsonl", b"").decode().splitlines()
    check([SignedHead.model_validate_json(line) for line in heads])
    return Opened(listed, statement, key)


def page(loop: str, files: dict[str, bytes], verified: AuditReport) -> bytes:
    """A page that leads through the archive, without a script and without the network."""
    rows = "".join(
        f'<tr><td><a href="{html.escape(name)}">{html.escape(name)}</a></td><td>{len(data):,}</td></tr>'
        for name, data in sorted(files.items())
    )
    words = "Everything holds." if verified.ok else f"{len(verified.findings)} findings."
    found = "".join(
        f"<li>{html.escape(item.service)}: {html.escape(item.row)}: {html.escape(item.problem)}</li>"
        for item in verified.findings
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(loop)}: audit</title>'
        f"<h1>{html.escape(loop)}</h1><p>{words} {sum(verified.checked.values()):,} links and rows looked over, "
        f"{verified.heads} signed heads compared.</p><ul>{found}</ul>"
        f"<table><tr><th>File</th><th>Bytes</th></tr>{rows}</table>"
        "<p>Check it anywhere: <code>millrace audit check FILE</code>. In .jsonl there is one object a line.</p></html>"
    ).encode()


def _json(value: "BaseModel | Sequence[BaseModel]") -> bytes:
    if isinstance(value, Sequence):
        return canonical([item.model_dump(mode="json") for item in value])
    return canonical(value.model_dump(mode="json"))


def _lines(items: "Sequence[BaseModel]") -> bytes:
    buffer = io.StringIO()
    for item in items:
        buffer.write(item.model_dump_json() + "\n")
    return buffer.getvalue().encode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
