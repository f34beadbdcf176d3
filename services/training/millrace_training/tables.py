"""What the training service keeps: jobs, streams of rows, and decisions on their way to the registry."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Boolean, Index, Integer, LargeBinary, String, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from millrace_contracts.bodies import Document
from millrace_core.database import UtcDateTime, metadata
from millrace_core.openlineage.tables import LineageMixin
from millrace_core.outbox import OutboxMixin


class Table(DeclarativeBase):
    metadata = metadata()


class Outbox(OutboxMixin, Table):
    """Decisions about data, made in the transaction that ends an ingest job."""


class LineageEvent(LineageMixin, Table):
    """OpenLineage events of jobs, until they are sent."""


class Job(Table):
    """One piece of work; a key is used once in a project."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("project", "key"), Index("ix_jobs_state_number", "state", "number"))

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    project: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    spec: Mapped[Document] = mapped_column(JSON)
    limits: Mapped[Document] = mapped_column(JSON)
    loop: Mapped[str | None] = mapped_column(String(63), index=True)
    loop_run: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(20))
    progress: Mapped[Document | None] = mapped_column(JSON)
    waiting: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    result: Mapped[Document | None] = mapped_column(JSON)
    error: Mapped[Document | None] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    excused: Mapped[int] = mapped_column(Integer, default=0)
    shortages: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    short_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    peak_rss_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    cancel_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    quarantine_due: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false(), index=True)


class Stream(Table):
    """What comes to a loop in batches, numbered from 1: up to `settled_number` they are delivered, from there up to
    `chosen_number` they are the delivery that is on its way (null: none is), as `job` once there is one.
    """

    __tablename__ = "streams"
    __table_args__ = (UniqueConstraint("project", "loop"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    loop: Mapped[str] = mapped_column(String(63))
    pending_rows: Mapped[int] = mapped_column(BigInteger, index=True)
    pending_bytes: Mapped[int] = mapped_column(BigInteger)
    oldest_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_number: Mapped[int] = mapped_column(BigInteger)
    wanted_number: Mapped[int] = mapped_column(BigInteger)
    chosen_number: Mapped[int | None] = mapped_column(BigInteger)
    settled_number: Mapped[int] = mapped_column(BigInteger)
    job: Mapped[str | None] = mapped_column(String(32))
    last_job: Mapped[str | None] = mapped_column(String(32))
    failures: Mapped[int] = mapped_column(Integer)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deliveries: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(BigInteger)
    new_rows: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(Integer)
    message: Mapped[str] = mapped_column(String(1000))


class StreamBatch(Table):
    """Rows as they came, under the sender's key; when they are delivered, the rows go and the key stays for a while."""

    __tablename__ = "stream_batches"
    __table_args__ = (UniqueConstraint("stream", "key"),)

    stream: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(Integer)
    unreadable: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
