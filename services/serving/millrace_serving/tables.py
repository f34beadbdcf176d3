"""Serving's tables: endpoints, revisions, rollouts, changes of the stable revision, keys, counts, ledger, outbox."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from millrace_contracts.bodies import Document
from millrace_contracts.reviews import ReviewSpec
from millrace_contracts.variants import BASE_TARGET
from millrace_core.database import Typed, UtcDateTime, metadata
from millrace_core.ledger.tables import LedgerMixin, cover
from millrace_core.outbox import OutboxMixin

IN_FLIGHT = "state IN ('loading', 'mirroring', 'canary')"


class Table(DeclarativeBase):
    """All tables of serving."""

    metadata = metadata()


class Endpoint(Table):
    """A stable inference URL; a deleted one keeps its row, so that revision names are never reused."""

    __tablename__ = "endpoints"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    model: Mapped[str] = mapped_column(String(63))
    mode: Mapped[str] = mapped_column(String(10))
    timezone: Mapped[str] = mapped_column(String(64))
    stable: Mapped[int | None] = mapped_column(Integer)
    revisions_made: Mapped[int] = mapped_column(Integer, default=0)
    event_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    guarded: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether its loop alone may roll out: people have to approve."""
    review: Mapped[ReviewSpec | None] = mapped_column(Typed(ReviewSpec))
    """Which answers are flagged, and withheld."""
    serving: Mapped[Document] = mapped_column(JSON, default=dict, server_default="{}")
    """How many pods answer, and when they are given up, as the loop declares it."""


class Revision(Table):
    """One model version as it is loaded behind an endpoint."""

    __tablename__ = "revisions"
    __table_args__ = (ForeignKeyConstraint(["project", "endpoint"], ["endpoints.project", "endpoints.name"]),)

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(71))
    signature: Mapped[Document] = mapped_column(JSON)
    golden: Mapped[Document] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, default="")
    placement: Mapped[Document] = mapped_column(JSON, default=dict, server_default="{}")
    target: Mapped[str] = mapped_column(String(32), default=BASE_TARGET, server_default=BASE_TARGET)
    base: Mapped[str] = mapped_column(String(71), default="", server_default="")
    """Digest of the base form; empty: what it serves is that."""
    offered: Mapped[list[Document]] = mapped_column(JSON, default=list, server_default="[]")
    """The version's forms, as its release told them."""
    form: Mapped[Document] = mapped_column(JSON, default=dict, server_default="{}")
    """Why it serves the form that it serves: nodes, reason, message, wants."""
    loop: Mapped[str] = mapped_column(String(63), default="", server_default="")
    run: Mapped[int | None] = mapped_column(Integer)
    size: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes of its graph; None: nobody has asked yet."""


class Rollout(Table):
    """The plan that moves an endpoint's traffic to a revision, and how far it has come."""

    __tablename__ = "rollouts"
    __table_args__ = (
        ForeignKeyConstraint(["project", "endpoint"], ["endpoints.project", "endpoints.name"]),
        UniqueConstraint("project", "endpoint", "key"),
        Index(
            "one_rollout_in_flight",
            "project",
            "endpoint",
            unique=True,
            sqlite_where=text(IN_FLIGHT),
            postgresql_where=text(IN_FLIGHT),
        ),
    )

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(200))
    body_digest: Mapped[str] = mapped_column(String(71))
    revision: Mapped[int] = mapped_column(Integer)
    previous: Mapped[int | None] = mapped_column(Integer)
    model: Mapped[str] = mapped_column(String(63))
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))
    step: Mapped[int] = mapped_column(Integer, default=0)
    plan: Mapped[Document] = mapped_column(JSON)
    event_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    step_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    loop: Mapped[str] = mapped_column(String(63), default="")
    run: Mapped[int | None] = mapped_column(Integer)
    cause: Mapped[str | None] = mapped_column(String(36))
    decision: Mapped[str | None] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(Text, default="")
    evidence: Mapped[list[Document]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Change(Table):
    """One change of an endpoint's stable revision; the list is its history."""

    __tablename__ = "changes"
    __table_args__ = (
        ForeignKeyConstraint(["project", "endpoint"], ["endpoints.project", "endpoints.name"]),
        UniqueConstraint("project", "endpoint", "key"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(200))
    body_digest: Mapped[str] = mapped_column(String(71))
    kind: Mapped[str] = mapped_column(String(10))
    revision: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    event_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GatewayCount(Table):
    """What one life of Envoy has counted so far; the sum over its lives is what is told."""

    __tablename__ = "gateway_counts"

    life: Mapped[str] = mapped_column(String(64), primary_key=True)
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    updated: Mapped[int] = mapped_column(BigInteger, default=0)


class Measured(Table):
    """How fast a form is on a kind of node, where serving had to measure it itself; a digest is always as fast."""

    __tablename__ = "measured"

    digest: Mapped[str] = mapped_column(String(71), primary_key=True)
    target: Mapped[str] = mapped_column(String(32), primary_key=True)
    node: Mapped[str] = mapped_column(String(400), primary_key=True)
    measurement: Mapped[Document] = mapped_column(JSON)
    measured_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Key(Table):
    """A key for inference; of the key only its SHA-256. A revoked one keeps its row, so that its name stays its own."""

    __tablename__ = "keys"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    endpoints: Mapped[list[str]] = mapped_column(JSON)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    requests_per_second: Mapped[int | None] = mapped_column(Integer)
    max_body_bytes: Mapped[int | None] = mapped_column(Integer)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(String(100))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(100))


class IssuerKeys(Table):
    """What an issuer of tokens published when it was last seen, for a start at which it does not answer."""

    __tablename__ = "issuer_keys"

    issuer: Mapped[str] = mapped_column(String(500), primary_key=True)
    """As the issuers file names it."""
    jwks_url: Mapped[str] = mapped_column(String(500), primary_key=True)
    """Where its keys are, if the issuers file says so; else empty."""
    name: Mapped[str] = mapped_column(Text)
    """Its name in tokens."""
    keys: Mapped[list[Document]] = mapped_column(JSON)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Outbox(OutboxMixin, Table):
    """Decisions on their way to the registry."""


class LedgerRow(LedgerMixin, Table):
    """The digest of every covered row, as it was written."""

    service = "serving"


OF_ENDPOINTS = ("project", "name", "model", "mode", "stable", "guarded", "review", "deleted_at")
OF_REVISIONS = ("version", "digest", "target", "base", "signature", "golden", "loop", "run")
OF_ROLLOUTS = tuple(column.name for column in Rollout.__table__.columns if column.name != "step_since")
"""What says what was served, and what decided it; not what moves by itself, like the event time or a loading state."""
cover(LedgerRow, Endpoint, "endpoint", *OF_ENDPOINTS)
cover(LedgerRow, Revision, "revision", "project", "endpoint", "number", *OF_REVISIONS)
cover(LedgerRow, Rollout, "rollout", *OF_ROLLOUTS)
cover(LedgerRow, Change, "stable-change")
