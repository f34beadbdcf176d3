"""All tables of the controller; one run in flight and one run for a trigger are promises of the database."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from millrace_contracts.approvals import ApprovalAsked, JudgedEvidence
from millrace_contracts.batches import BatchSpec, ScoredBefore, ScoringState
from millrace_contracts.closings import ClosedDay, OpenedAlarm
from millrace_contracts.loop import ModelLoop, Spec, mistakes
from millrace_contracts.loop_runs import RunCause, RunPlan, RunWait, StepRead, Traffic
from millrace_contracts.loops import LoopOwner
from millrace_contracts.messages import SubscriptionStanding
from millrace_contracts.room import QueuePlace
from millrace_contracts.scoring import ScoreResult, ScoreSpec
from millrace_contracts.serving import Replicas
from millrace_contracts.verdicts import GatesVerdict
from millrace_contracts.waiting import Waiting
from millrace_controller.batches import Standing
from millrace_controller.intents import RouteIntent
from millrace_controller.polls import Poll
from millrace_core.database import Typed, UtcDateTime, metadata
from millrace_core.errors import Conflict
from millrace_core.ledger.tables import LedgerMixin, cover
from millrace_core.openlineage.tables import LineageMixin
from millrace_core.outbox import OutboxMixin

Json = dict[str, Any]
"""A document whose parts only its readers know."""
IN_FLIGHT = text("state IN ('pending', 'running', 'rolling-out')")
ONE_AT_A_TIME = text("state IN ('pending', 'running', 'awaiting-approval', 'rolling-out')")
GOING_ON = text("ended_at IS NULL")


class Table(DeclarativeBase):
    metadata = metadata()


class Outbox(OutboxMixin, Table):
    """Decisions on their way to the registry."""


class LineageEvent(LineageMixin, Table):
    """OpenLineage events of loop runs, until they are sent."""


class Loop(Table):
    __tablename__ = "loops"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(63))
    mode: Mapped[str] = mapped_column(String(10), default="live")
    state: Mapped[str] = mapped_column(String(10), default="active")
    generation: Mapped[int] = mapped_column(Integer, default=1)
    opened_generation: Mapped[int] = mapped_column(Integer, default=0)
    document: Mapped[Json] = mapped_column(JSON)
    champion: Mapped[int | None] = mapped_column(Integer)
    champion_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    route_intent: Mapped[RouteIntent | None] = mapped_column("heading", Typed(RouteIntent))
    unanswered: Mapped[OpenedAlarm | None] = mapped_column(Typed(OpenedAlarm))
    """Read by the version before alone: which alarms wait for a run, each closing tells."""
    waits: Mapped[RunWait | None] = mapped_column(Typed(RunWait))
    fresh_rows: Mapped[int | None] = mapped_column(BigInteger)
    """Labelled rows of the days that closed since the last run was opened; None: not known."""
    passed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The last turn of the schedule, since the last run, at which there was nothing new."""
    archive: Mapped[list[int]] = mapped_column(JSON, default=list)
    configurations: Mapped[list[Json] | None] = mapped_column(JSON)
    seen_version: Mapped[int] = mapped_column(Integer, default=0)
    seen_rows: Mapped[int] = mapped_column(BigInteger, default=0)
    fed_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rest_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_through: Mapped[datetime | None] = mapped_column(UtcDateTime)
    runs: Mapped[int] = mapped_column(Integer, default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    owner: Mapped[LoopOwner | None] = mapped_column(Typed(LoopOwner))
    declared_by: Mapped[str | None] = mapped_column(String(253))
    """Who declared this generation; None: a resource of the cluster did, or an earlier version did not say."""
    declared_by_id: Mapped[str | None] = mapped_column(String(253))
    """By what they are known; None: by their name."""
    causes: Mapped[list[str]] = mapped_column("standing", JSON, default=list)
    woken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    poll: Mapped[Poll | None] = mapped_column(Typed(Poll))
    batch: Mapped[Standing | None] = mapped_column(Typed(Standing))
    notices: Mapped[SubscriptionStanding | None] = mapped_column(Typed(SubscriptionStanding))
    replicas: Mapped[Replicas | None] = mapped_column(Typed(Replicas))
    """How many pods answer for the champion, where its load decides that."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project", "name"),)

    @property
    def spec(self) -> Spec:
        """What is declared, parsed once for each document.

        Raises: Conflict for one that an earlier version took and this one does not, with what to mend.
        """
        document: Json = self.document
        known: tuple[Json, Spec] | None = self.__dict__.get("_spec")
        if known is None or known[0] is not document:
            try:
                known = (document, ModelLoop.stored(document).spec)
            except ValidationError as error:
                wrong = "; ".join(mistakes(error)[:5])
                words = f"An earlier version took the loop {self.name} as it is declared, this one cannot: {wrong}. "
                raise Conflict(words + "Apply it again without that.") from error
            self.__dict__["_spec"] = known
        return known[1]


class Rollback(Table):
    """A way back that a person asked for under a key, so that it is the same one when it is asked for again."""

    __tablename__ = "rollbacks"
    loop_id: Mapped[int] = mapped_column(ForeignKey("loops.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    asked: Mapped[int | None] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
    rollout: Mapped[int | None] = mapped_column(Integer)
    refused: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Run(Table):
    __tablename__ = "loop_runs"
    loop_id: Mapped[int] = mapped_column(ForeignKey("loops.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    cause: Mapped[RunCause] = mapped_column(Typed(RunCause))
    plan: Mapped[RunPlan] = mapped_column(Typed(RunPlan))
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    steps: Mapped[dict[str, StepRead]] = mapped_column(Typed(dict[str, StepRead]), default=dict)
    verdict: Mapped[GatesVerdict | None] = mapped_column(Typed(GatesVerdict))
    version: Mapped[int | None] = mapped_column(Integer)
    digest: Mapped[str | None] = mapped_column(String(71))
    asked_by: Mapped[str | None] = mapped_column(String(253))
    asked_by_id: Mapped[str | None] = mapped_column(String(253))
    declared_by: Mapped[str | None] = mapped_column(String(253))
    declared_by_id: Mapped[str | None] = mapped_column(String(253))
    judged: Mapped[JudgedEvidence | None] = mapped_column(Typed(JudgedEvidence))
    approval: Mapped[ApprovalAsked | None] = mapped_column(Typed(ApprovalAsked))
    approval_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approvals: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    approvals_needed: Mapped[int | None] = mapped_column(Integer)
    approval_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rollout: Mapped[int | None] = mapped_column(Integer)
    traffic: Mapped[Traffic | None] = mapped_column(Typed(Traffic))
    waiting: Mapped[Waiting | None] = mapped_column(Typed(Waiting))
    queue: Mapped[QueuePlace | None] = mapped_column("queue_place", Typed(QueuePlace))
    admitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    shortages: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    short_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision: Mapped[str] = mapped_column(String(36))
    message: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    pipeline: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        UniqueConstraint("loop_id", "key"),
        Index(
            "one_run_in_flight", "loop_id", unique=True, sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT
        ),
        Index(
            "one_run_at_a_time",
            "loop_id",
            unique=True,
            sqlite_where=ONE_AT_A_TIME,
            postgresql_where=ONE_AT_A_TIME,
        ),
    )


class Approval(Table):
    """What one person said of a run that waits for approval: nobody says the same twice."""

    __tablename__ = "approvals"
    loop_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(253), primary_key=True)
    """By what the person is known: issuer and subject, or the name in small letters (ada and Ada are one)."""
    verdict: Mapped[str] = mapped_column(String(10), primary_key=True)
    person: Mapped[str] = mapped_column(String(253))
    author: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(71))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (ForeignKeyConstraint(["loop_id", "run"], ["loop_runs.loop_id", "loop_runs.number"]),)


class Scoring(Table):
    """Declared rows that are scored once: what was declared, what is asked of the job, and what came of it."""

    __tablename__ = "scorings"
    loop_id: Mapped[int] = mapped_column(ForeignKey("loops.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(100))
    author: Mapped[str] = mapped_column(String(100))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[ScoringState] = mapped_column(String(20))
    batch: Mapped[BatchSpec] = mapped_column(Typed(BatchSpec))
    spec: Mapped[ScoreSpec | None] = mapped_column(Typed(ScoreSpec))
    before: Mapped[ScoredBefore | None] = mapped_column(Typed(ScoredBefore))
    more: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=1)
    job: Mapped[str | None] = mapped_column(String(32))
    result: Mapped[ScoreResult | None] = mapped_column(Typed(ScoreResult))
    message: Mapped[str] = mapped_column(Text, default="")
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        UniqueConstraint("loop_id", "key"),
        Index(
            "one_scoring_at_a_time", "loop_id", unique=True, sqlite_where=GOING_ON, postgresql_where=GOING_ON
        ),
    )


class Lease(Table):
    """Who does what only one replica may do; the epoch grows with every new holder."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(253))
    epoch: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[float] = mapped_column(Double)


class Feed(Table):
    """How far monitoring's closings were read."""

    __tablename__ = "feed"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)


class Inbox(Table):
    """A closing that a loop has not dealt with yet, or has."""

    __tablename__ = "inbox"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    loop_id: Mapped[int] = mapped_column(ForeignKey("loops.id"))
    through: Mapped[datetime] = mapped_column(UtcDateTime)
    item: Mapped[ClosedDay] = mapped_column(Typed(ClosedDay))
    done: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (Index("ix_inbox_waiting", "loop_id", "done", "seq"),)


class LedgerRow(LedgerMixin, Table):
    """The digest of every covered row, as it was written."""

    service = "controller"


cover(LedgerRow, Loop, "loop", "project", "name", "generation", "document", "declared_by", "declared_by_id")
cover(LedgerRow, Approval, "approval")
