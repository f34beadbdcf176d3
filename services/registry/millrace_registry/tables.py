"""All tables of the registry; uniqueness and references are the database's promises."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, false
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from millrace_contracts.bodies import Document
from millrace_contracts.people import TokenGrant
from millrace_core.database import Typed, UtcDateTime, metadata
from millrace_core.ledger.tables import LedgerMixin, cover


class Table(DeclarativeBase):
    metadata = metadata()


async def insert_new(session: AsyncSession, table: type[Table], **row: Any) -> bool:
    """Insert *row* unless a unique index holds its like already; returns whether it was inserted."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(row).on_conflict_do_nothing()
    return (await session.execute(statement)).rowcount == 1  # type: ignore[attr-defined]


class Project(Table):
    __tablename__ = "projects"
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    description: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Artifact(Table):
    """A blob that somebody stored; the bytes lie in the store under the same digest."""

    __tablename__ = "artifacts"
    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    digest: Mapped[str] = mapped_column(String(71), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Dataset(Table):
    __tablename__ = "datasets"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(63))
    description: Mapped[str] = mapped_column(Text, default="")
    latest: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project", "name"),)


class DatasetVersion(Table):
    __tablename__ = "dataset_versions"
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    parent: Mapped[int | None] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(71))
    source_digest: Mapped[str] = mapped_column(String(71))
    body: Mapped[Document] = mapped_column(JSON)
    rows: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("dataset_id", "source_digest"),)


class Quarantined(Table):
    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"), index=True)
    artifact: Mapped[str] = mapped_column(String(71))
    source: Mapped[Document] = mapped_column(JSON)
    report: Mapped[Document] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10), default="waiting", server_default="waiting")
    settled_by: Mapped[str] = mapped_column(String(100), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("dataset_id", "artifact"),)


class Run(Table):
    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(200))
    loop: Mapped[str] = mapped_column(String(63), default="")
    loop_run: Mapped[int | None] = mapped_column(Integer)
    job: Mapped[str | None] = mapped_column(String(63))
    dataset: Mapped[str | None] = mapped_column(String(63))
    dataset_version: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(20))
    params: Mapped[Document] = mapped_column(JSON)
    metrics: Mapped[Document] = mapped_column(JSON)
    artifacts: Mapped[Document] = mapped_column(JSON)
    message: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project", "key"), Index("ix_runs_loop", "project", "loop"))


class Model(Table):
    __tablename__ = "models"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(63))
    description: Mapped[str] = mapped_column(Text, default="")
    latest: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    guarded: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether its loop alone may move the champion: people have to approve."""
    __table_args__ = (UniqueConstraint("project", "name"),)


class ModelVersion(Table):
    """An immutable release unit: everything that moves together."""

    __tablename__ = "model_versions"
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(71))
    body: Mapped[Document] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("model_id", "key"),)


class Alias(Table):
    __tablename__ = "aliases"
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    version: Mapped[int | None] = mapped_column(Integer)
    moves: Mapped[int] = mapped_column(Integer, default=0)


class AliasMove(Table):
    """One move of an alias, never changed: who was champion at any instant."""

    __tablename__ = "alias_moves"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    name: Mapped[str] = mapped_column(String(63))
    number: Mapped[int] = mapped_column(Integer)
    version: Mapped[int | None] = mapped_column(Integer)
    previous: Mapped[int | None] = mapped_column(Integer)
    event_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision: Mapped[str | None] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(100))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("model_id", "name", "number"),)


class DecisionRow(Table):
    """One decision and its place in the chain: hash = sha256(previous hash, body)."""

    __tablename__ = "decisions"
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    project: Mapped[str] = mapped_column(String(63))
    loop: Mapped[str] = mapped_column(String(63))
    run: Mapped[int | None] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(40))
    event_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cause: Mapped[str | None] = mapped_column(String(36), index=True)
    body: Mapped[str] = mapped_column(Text)
    author_service: Mapped[str] = mapped_column(String(100))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    previous: Mapped[str] = mapped_column(String(71))
    hash: Mapped[str] = mapped_column(String(71))
    __table_args__ = (Index("ix_decisions_loop", "project", "loop", "number"),)


class LedgerRow(LedgerMixin, Table):
    """The digest of every covered row, as it was written."""

    service = "registry"


class SignedHeadRow(Table):
    """A signed statement of how far all chains went, until it has reached every place outside."""

    __tablename__ = "audit_heads"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    statement: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(String(100))
    exported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PersonalToken(Table):
    """A token of somebody's for a program: what it may, until when, and whether it was revoked."""

    __tablename__ = "personal_tokens"
    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(253))
    identifier: Mapped[str] = mapped_column(String(253), index=True)
    label: Mapped[str] = mapped_column(String(100))
    grants: Mapped[list[TokenGrant]] = mapped_column(Typed(list[TokenGrant]))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(253))


class ShownRoles(Table):
    """What a person's token of one *kind* last said that their provider gives them: one role everywhere, and
    (project, role). `given_roles` is the version before's, which knows no kinds."""

    __tablename__ = "shown_roles"
    identifier: Mapped[str] = mapped_column(String(253), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    given: Mapped[list[tuple[str, str]]] = mapped_column(Typed(list[tuple[str, str]]))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


cover(LedgerRow, ModelVersion, "model-version")
cover(LedgerRow, AliasMove, "alias-move")
cover(LedgerRow, Alias, "alias")
cover(LedgerRow, Model, "model", "project", "name", "guarded", "created_at")
cover(LedgerRow, DatasetVersion, "dataset-version")
cover(LedgerRow, Quarantined, "refused-delivery")
cover(LedgerRow, Run, "training-run")
cover(LedgerRow, PersonalToken, "personal-token")
