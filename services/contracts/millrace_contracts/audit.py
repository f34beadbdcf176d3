"""What an audit tells: which rows do not hold, the heads that are signed, and what happened to one request."""

import hashlib
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Body, Document
from millrace_contracts.names import Digest, Name

FORMAT = "millrace-audit-head/1"


def fingerprint(public_key: bytes) -> str:
    """By what an Ed25519 key is known: `ed25519:` and the first 32 hexadecimal digits of its SHA-256."""
    return "ed25519:" + hashlib.sha256(public_key).hexdigest()[:32]


class AuditFinding(BaseModel):
    """One thing that does not hold."""

    service: str
    row: str = Field(description="Table and key, like 'alias_moves id=3', or the place in a chain.")
    problem: str


class AuditPart(BaseModel):
    """One part of a verification."""

    stage: str = Field(description="What was looked over.")
    checked: int = Field(description="How many links or rows.")
    findings: list[AuditFinding]
    next: str | None = Field(description="Cursor of the next part; null: that was all.")
    taken_over: dict[str, datetime] = Field(
        default={},
        description="With the first part: kinds whose rows were there before they were covered, and since when.",
    )


class AuditHead(BaseModel):
    """How far a chain goes: so many entries, and the hash of the last."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(ge=0, le=2**31 - 1)
    head: Digest


class HeadWrite(Body):
    """A service tells the registry how far its ledger goes."""

    count: int = Field(ge=0, le=2**31 - 1)
    head: Digest


class AuditStatement(BaseModel):
    """What is signed: how far every chain went at one instant."""

    format: str = FORMAT
    number: int = Field(ge=1, description="1 for the first.")
    at: datetime
    heads: dict[str, AuditHead] = Field(description="By chain: 'decisions', and the ledger of each service.")
    previous: Digest | None = Field(description="SHA-256 of the statement before, as it was signed.")
    key: str = Field(description="Fingerprint of the key that signs.")


class SignedHead(BaseModel):
    """A statement with its signature: one line of an exported file."""

    statement: str = Field(description="The statement as JSON, byte for byte as it was signed.")
    signature: str = Field(description="Ed25519, base64.")
    public_key: str = Field(
        description="The key's 32 bytes, base64; compare its fingerprint with the one you know."
    )
    exported_at: datetime | None = Field(default=None, description="When it had reached every place outside.")


class ArchiveWrite(Body):
    """An archive that shall be signed: of which loop, and the digest of its manifest."""

    loop: Name
    digest: Digest


class ArchiveStatement(BaseModel):
    """What is signed of an archive: which one, who made it, and when."""

    format: str = "millrace-audit-archive/1"
    project: str
    loop: str
    digest: Digest = Field(description="SHA-256 of its manifest.json.")
    made_by: str
    at: datetime
    key: str


class RowLabel(BaseModel):
    """The truth about one row, and who told it."""

    value: float | str | bool | int = Field(description="The number, or the class.")
    at: datetime = Field(description="When it became known.")
    pushed_by: str | None = Field(description="Who pushed it; null: it came before that was kept.")
    pushed_at: datetime | None


class AuditedRow(BaseModel):
    """One row of a request: what came in, what went out, and what turned out to be true."""

    index: int = Field(description="Place in the request; -1: the request had no row, and *fault* says why.")
    event_time: datetime
    at: datetime = Field(description="When it was answered, by the clock.")
    listener: str = Field(description="inference, shadow (mirrored), or who brought the rows.")
    revision: str
    key: str
    status: int
    fault: str | None
    features: Document
    answer: float | list[float] | None = Field(description="The number, or one for each class.")
    label: RowLabel | None
    kept_in: Digest = Field(description="The stored bytes in which the row lies.")
    closed_day: str | None = Field(
        description="The closed day that covers these bytes; null: it is still open."
    )


class AuditedRequest(BaseModel):
    """Everything that is kept of one request."""

    endpoint: str
    request_id: str
    classes: list[str | bool | int | float] | None = Field(
        description="In the order of the answer's numbers."
    )
    rows: list[AuditedRow]


class AuditReport(BaseModel):
    """What a whole verification found."""

    ok: bool
    checked: dict[str, int] = Field(description="Links and rows, by service and what was looked over.")
    findings: list[AuditFinding]
    heads: int = Field(description="Signed heads that were compared.")
    heads_through: datetime | None = Field(description="When the last of them was signed.")
    heads_from: str = Field(description="Where they were read: a file outside, or the service itself.")
    keys: list[str] = Field(description="Fingerprints of the keys that signed them, in order.")
    taken_over: dict[str, datetime] = Field(
        default={}, description="Since when a kind of rows is covered, where it was there before."
    )
