"""Verifies a platform from outside: every service's ledger and rows, and heads that were signed and kept elsewhere."""

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from millrace_contracts.audit import (
    ArchiveStatement,
    AuditFinding,
    AuditPart,
    AuditReport,
    AuditStatement,
    SignedHead,
    fingerprint,
)

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace.client.audit import Audited

SERVICES = ("registry", "controller", "monitoring", "serving")
AT_ONCE = 200
Tell = Callable[[str, int], None]
"""Is told what is looked over, and how many of it so far."""


class NotSigned(Exception):
    """A file of heads cannot be believed; the text says which line, and why."""


@dataclass
class Heads:
    """Signed heads that were checked: every signature, and that each follows the one before it."""

    statements: list[AuditStatement] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


def read(path: Path) -> list[SignedHead]:
    """Heads of an exported file: one JSON a line, or a single one; of a folder, as a bucket had them: all of them.

    Raises: NotSigned for a line that is none; FileNotFoundError.

    A line that broke off while it was written is passed over where the whole of it comes next.
    """
    if path.is_dir():
        return [head for file in sorted(path.rglob("head-*.json")) for head in read(file)]
    return parsed(path.read_text(errors="replace"), str(path))


def parsed(text: str, name: str) -> list[SignedHead]:
    """Heads out of the text of such a file. Raises: NotSigned, which says the line of *name*."""
    heads, lines = [], text.splitlines()
    for number, (line, following) in enumerate(zip(lines, [*lines[1:], ""], strict=True), 1):
        if line.strip() and not (line != following and following.startswith(line)):
            try:
                heads.append(SignedHead.model_validate_json(line))
            except ValueError as error:
                raise NotSigned(f"{name}, line {number}: it is no signed head") from error
    return heads


def check(heads: Sequence[SignedHead], known: Collection[str] = ()) -> Heads:
    """Check signatures and order; one that came twice counts once.

    Args:
        known: fingerprints one of which has to have signed each, as of a key and of the one before it; empty: any.
    Raises: NotSigned.
    """
    found, seen, before = Heads(), dict[int, str](), None
    for head in heads:
        public = public_of(head)
        statement = _statement(head)
        digest = "sha256:" + hashlib.sha256(head.statement.encode()).hexdigest()
        again = seen.get(statement.number)
        if again not in (None, digest):
            raise NotSigned(f"two different heads say that they are the head {statement.number}")
        name = fingerprint(public)
        if statement.key != name or (known and name not in known):
            named = " or ".join(known) or statement.key
            raise NotSigned(f"head {statement.number} is signed by {name}, not by {named}")
        if name not in found.keys:
            found.keys.append(name)
        if again is None:
            _follows(statement, before)
            found.statements.append(statement)
            before = (statement.number, digest)
            seen[statement.number] = digest
    return found


def public_of(signed: SignedHead) -> bytes:
    """The 32 bytes of the key that signed. Raises: NotSigned if the signature does not hold."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = base64.b64decode(signed.public_key)
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(base64.b64decode(signed.signature), signed.statement.encode())
    except (InvalidSignature, ValueError) as error:
        raise NotSigned(f"the signature of this does not hold: {signed.statement[:120]}") from error
    return public


def signed_by(signed: SignedHead) -> tuple[ArchiveStatement, str]:
    """What was signed of an archive or a card, and the key's fingerprint. Raises: NotSigned, ValueError."""
    return ArchiveStatement.model_validate_json(signed.statement), fingerprint(public_of(signed))


def _statement(head: SignedHead) -> AuditStatement:
    """Raises: NotSigned for something else that was signed, like an archive."""
    try:
        return AuditStatement.model_validate_json(head.statement)
    except ValueError as error:
        raise NotSigned(f"this is signed, and says nothing of chains: {head.statement[:120]}") from error


def _follows(statement: AuditStatement, before: tuple[int, str] | None) -> None:
    if before is None:
        return
    if statement.number != before[0] + 1 or statement.previous != before[1]:
        raise NotSigned(
            f"head {statement.number} does not follow head {before[0]}: heads between them are missing"
        )


def verify(
    platform: "Millrace", heads: Heads, source: str, tell: Tell = lambda stage, count: None
) -> AuditReport:
    """Look over everything; what is not as it was entered, or was signed and is gone, is named."""
    checked: dict[str, int] = {}
    taken_over: dict[str, datetime] = {}
    findings: list[AuditFinding] = []
    for name in SERVICES:
        for part in _parts(_service(platform, name)):
            place = f"{name}: {part.stage}"
            checked[place] = checked.get(place, 0) + part.checked
            findings += part.findings
            taken_over |= {f"{name}: {kind}": at for kind, at in part.taken_over.items()}
            tell(place, checked[place])
    findings += _signed(platform, heads)
    return AuditReport(
        ok=not findings,
        checked=checked,
        findings=findings,
        heads=len(heads.statements),
        heads_through=heads.statements[-1].at if heads.statements else None,
        heads_from=source,
        keys=heads.keys,
        taken_over=taken_over,
    )


def _service(platform: "Millrace", name: str) -> "Audited":
    service: Audited = getattr(platform, name)
    return service


def _parts(service: "Audited") -> Iterator[AuditPart]:
    cursor = None
    while True:
        part = service.verify_ledger(cursor)
        yield part
        if part.next is None:
            return
        cursor = part.next


def _signed(platform: "Millrace", heads: Heads) -> list[AuditFinding]:
    """Every entry that was signed has to be there still, as it was."""
    chains = sorted({name for statement in heads.statements for name in statement.heads})
    return [finding for name in chains for finding in _of_chain(platform, name, heads.statements)]


def _of_chain(
    platform: "Millrace", name: str, statements: Sequence[AuditStatement]
) -> Iterator[AuditFinding]:
    told: dict[int, dict[str, datetime]] = {}
    for statement in statements:
        head = statement.heads.get(name)
        if head is not None and head.count:
            told.setdefault(head.count, {}).setdefault(head.head, statement.at)
    numbers = sorted(told)
    service = "registry" if name == "decisions" else name
    row = "decisions number" if name == "decisions" else "ledger entry"
    for begin in range(0, len(numbers), AT_ONCE):
        asked = numbers[begin : begin + AT_ONCE]
        stands = (
            platform.registry.decision_hashes(asked)
            if name == "decisions"
            else _service(platform, name).ledger_hashes(asked)
        )
        for number in asked:
            others = {signed: at for signed, at in told[number].items() if stands.get(str(number)) != signed}
            for at in others.values():
                words = "is not what it was" if str(number) in stands else "is gone: the end was cut off"
                problem = f"it {words}; it was signed on {at:%Y-%m-%d %H:%M:%S} UTC"
                yield AuditFinding(
                    service=service, row=f"{row} {number}".replace("number ", "number="), problem=problem
                )


def canonical(document: object) -> bytes:
    """JSON as it is hashed in an archive."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1).encode()
