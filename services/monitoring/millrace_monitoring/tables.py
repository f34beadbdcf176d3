"""Every table of monitoring; rows and days lie in the blob store, here is what finds and counts them."""

from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from millrace_contracts.bodies import Document
from millrace_contracts.closings import ClosingItem
from millrace_contracts.estimates import StoredEstimate
from millrace_contracts.labels import LabelValue
from millrace_contracts.monitors import ArchivedVersion, ChampionVersion, MonitorWrite
from millrace_contracts.reviews import Chance
from millrace_core.database import UtcDateTime, metadata
from millrace_core.outbox import OutboxMixin

Id = BigInteger().with_variant(Integer(), "sqlite")


class Typed(TypeDecorator[Any]):
    """JSON in SQL, an object of one type in Python; what an older version stored is read as that type too."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.kind).dump_python(value, mode="json", by_alias=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.kind).validate_python(value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class Table(DeclarativeBase):
    metadata = metadata()


class Monitor(Table):
    """What watches one endpoint, how far it has come, and the state of its detectors."""

    __tablename__ = "monitors"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    declared: Mapped[MonitorWrite] = mapped_column("spec", Typed(MonitorWrite))
    event_time_max: Mapped[datetime | None] = mapped_column(UtcDateTime)
    complete_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    labelled: Mapped[int] = mapped_column(BigInteger, default=0)
    late_labels: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[Document] = mapped_column(JSON, default=dict)


class Lineup(Table):
    """Champion and archived versions; the newest one that holds before a day's end is used for that day."""

    __tablename__ = "lineups"
    __table_args__ = (Index("ix_lineups_endpoint", "project", "endpoint", "number"),)

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    effective_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    champion: Mapped[ChampionVersion] = mapped_column(Typed(ChampionVersion))
    archived: Mapped[list[ArchivedVersion]] = mapped_column(Typed(list[ArchivedVersion]))


class Segment(Table):
    """One stored Arrow file with rows whose day is still open."""

    __tablename__ = "segments"
    __table_args__ = (Index("ix_segments_span", "project", "endpoint", "last_event"),)

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    digest: Mapped[str] = mapped_column(String(71), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(Integer)
    first_event: Mapped[datetime] = mapped_column(UtcDateTime)
    last_event: Mapped[datetime] = mapped_column(UtcDateTime)


class Count(Table):
    """What became of the records of one revision; offered = written + dropped + duplicates."""

    __tablename__ = "counts"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    revision: Mapped[str] = mapped_column(String(80), primary_key=True)
    listener: Mapped[str] = mapped_column(String(16), primary_key=True)
    offered: Mapped[int] = mapped_column(BigInteger, default=0)
    written: Mapped[int] = mapped_column(BigInteger, default=0)
    dropped: Mapped[int] = mapped_column(BigInteger, default=0)
    duplicates: Mapped[int] = mapped_column(BigInteger, default=0)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    faults: Mapped[int] = mapped_column(BigInteger, default=0)
    late: Mapped[int] = mapped_column(BigInteger, default=0)


class Label(Table):
    """The truth about one row; a later `at` corrects. *said_at*: on the clock. *reviewed*: people alone said it."""

    __tablename__ = "labels"
    __table_args__ = ({"sqlite_with_rowid": False},)

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[float] = mapped_column(Float(53))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str | None] = mapped_column(String(200))
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reviewed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    push: Mapped[int | None] = mapped_column(BigInteger, index=True)


class Review(Table):
    """One prediction that people are to look at, by rank and, in one rank, by its *turn*, which chance gives."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index("uq_reviews_row", "project", "endpoint", "request_id", "index", unique=True),
        Index("ix_reviews_turn", "project", "endpoint", "state", "rank", "turn"),
        Index("ix_reviews_time", "project", "endpoint", "event_time"),
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    request_id: Mapped[str] = mapped_column(String(128))
    index: Mapped[int] = mapped_column(Integer)
    event_time: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revision: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(10))
    rank: Mapped[int] = mapped_column(Integer)
    turn: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    chance: Mapped[Chance] = mapped_column(Typed(Chance))
    confidence: Mapped[float | None] = mapped_column(Float(53))
    usefulness: Mapped[float] = mapped_column(Float(53))
    answer: Mapped[Document] = mapped_column(JSON)
    features: Mapped[Document] = mapped_column(JSON)
    label: Mapped[LabelValue | None] = mapped_column(JSON(none_as_null=True))


class Vote(Table):
    """What one person said of an entry; they may say otherwise later, and the last holds."""

    __tablename__ = "review_votes"

    review: Mapped[int] = mapped_column(Id, primary_key=True)
    author: Mapped[str] = mapped_column(String(253), primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    value: Mapped[LabelValue | None] = mapped_column(JSON(none_as_null=True))
    note: Mapped[str] = mapped_column(String(500))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Closing(Table):
    """One closed day of one endpoint: its rows (a Parquet blob), its profile, and what was found."""

    __tablename__ = "closings"
    __table_args__ = (
        Index("uq_closings_day", "project", "endpoint", "day", unique=True),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    day: Mapped[date] = mapped_column(Date)
    through: Mapped[datetime] = mapped_column(UtcDateTime)
    rows: Mapped[int] = mapped_column(Integer)
    labelled: Mapped[int] = mapped_column(Integer)
    champion: Mapped[int | None] = mapped_column(Integer)
    item: Mapped[ClosingItem] = mapped_column(Typed(ClosingItem))
    profile: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[str | None] = mapped_column(String(71), index=True)


class Loss(Table):
    """Mean loss of one version's graph over the labelled rows of one day."""

    __tablename__ = "losses"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    graph: Mapped[str] = mapped_column(String(32), primary_key=True)
    n: Mapped[int] = mapped_column(Integer)
    loss: Mapped[float] = mapped_column(Float(53))


class EstimatedDay(Table):
    """What one day's rows let one expect of the champion that answered them, and what its labels say of that.

    *settled*: of a closed day, for good. *seen*: what the look at an open day saw, so that the same is not done again.
    """

    __tablename__ = "estimates"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    settled: Mapped[bool] = mapped_column(Boolean)
    seen: Mapped[str] = mapped_column(String(71))
    through: Mapped[datetime] = mapped_column(UtcDateTime)
    item: Mapped[StoredEstimate] = mapped_column(Typed(StoredEstimate))


class Comparison(Table):
    """Two revisions (mirrored rows) or versions (batch) on the same rows of one day."""

    __tablename__ = "comparisons"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    first: Mapped[str] = mapped_column(String(80), primary_key=True)
    second: Mapped[str] = mapped_column(String(80), primary_key=True)
    item: Mapped[Document] = mapped_column(JSON)


class Alarm(Table):
    """A finding that calls for action; one open alarm for each (endpoint, cause)."""

    __tablename__ = "alarms"
    __table_args__ = (
        Index(
            "uq_alarms_open",
            "project",
            "endpoint",
            "cause",
            unique=True,
            sqlite_where=text("state != 'closed'"),
            postgresql_where=text("state != 'closed'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(16), index=True)
    opened_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    closed_day: Mapped[date | None] = mapped_column(Date)
    count: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    evidence: Mapped[Document] = mapped_column(JSON)
    acknowledged_by: Mapped[str | None] = mapped_column(String(100))
    silenced_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    silenced_by: Mapped[str | None] = mapped_column(String(100))
    silence_reason: Mapped[str | None] = mapped_column(Text)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """On the clock; None: not yet, or an earlier version did not keep it."""


class Outbox(OutboxMixin, Table):
    """Decisions on their way to the registry."""
