"""Loop runs: one pass of a loop's pipeline each, from its trigger to the last rollout step."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.approvals import ApprovalAsked
from millrace_contracts.bodies import Document, Read
from millrace_contracts.compressing import CompressPlan
from millrace_contracts.jobs import JobLimits
from millrace_contracts.names import PlainText
from millrace_contracts.parts import Strictly
from millrace_contracts.room import QueuePlace
from millrace_contracts.rows import IngestSpec
from millrace_contracts.verdicts import GatesVerdict
from millrace_contracts.waiting import Waiting

JOB_ID = r"^[0-9a-f]{32}$"
StepName = Literal["ingest", "validate", "train", "evaluate", "gate", "compress", "register", "roll-out"]


WaitReason = Literal["cool-down", "rest", "nothing-new"]
"""Why a run that is called for is not opened: the last one was opened too short a time ago, the loop has gone back to
an archived version, or the run would have the data and the document of the last one."""


class LoopRunState(StrEnum):
    """Where a loop run stands."""

    PENDING = "pending"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting-approval"
    ROLLING_OUT = "rolling-out"
    REFUSED = "refused"
    REJECTED = "rejected"
    FAILED = "failed"
    PROMOTED = "promoted"
    ABORTED = "aborted"


class RunCause(BaseModel):
    """What opened a run."""

    model_config = ConfigDict(extra="allow")

    kind: str
    reason: str = ""
    evidence: Document = {}


class RunWait(Read):
    """A run that is called for and not opened: what called for it, and why it waits."""

    cause: str = Field(description="What calls for it: alarm, data or schedule.")
    window: str = Field(description="What makes the same trigger the same run.")
    why: WaitReason = Field(description="What it waits for.")
    since: datetime = Field(description="Event time from which on it waits.")
    until: datetime | None = Field(description="Event time of its end; null: nobody knows.")
    reason: str = Field(description="All of it in a sentence.")


class StepRead(Read):
    """How far a step of a run is."""

    state: Literal["running", "succeeded", "failed"]
    message: str = ""
    job: str | None = Field(default=None, description="The training job it waits for, or waited for.")
    final: bool = Field(default=False, description="Whether a step that failed would fail again.")
    at: str = Field(default="", description="When it told so, in ISO 8601.")


class Traffic(Read):
    """How far the rollout of a run is."""

    state: str
    step: int | None = Field(default=None, description="Index of the present step in its plan, mirror first.")
    steps: int = 0
    weight: float = Field(default=0.0, description="The candidate's share of the answers, in percent.")


class LoopRunRead(Read):
    """One pass of a loop's pipeline, from its trigger to the last rollout step."""

    number: int
    state: LoopRunState
    cause: RunCause = Field(description="What opened it: kind, reason, evidence.")
    opened_at: datetime | None = Field(description="Event time of the trigger.")
    steps: dict[str, StepRead] = Field(description="State, message and job of each step that has begun.")
    verdict: GatesVerdict | None = Field(description="The gates' verdict, once they have spoken.")
    version: int | None = Field(description="Model version it registered.")
    rollout: int | None
    approval: ApprovalAsked | None = Field(
        default=None, description="What people were asked to approve, and how far that is; null: nobody was."
    )
    decision: str = Field(description="Id of the decision that opened it.")
    message: str
    waiting: Waiting | None = Field(description="What it waits for: its turn, or room for a pod of it.")
    queue: QueuePlace | None = Field(
        default=None,
        description="Its place among the runs that wait to be started; null: it waits for no turn.",
    )
    pipeline: Document | None = Field(
        description="Where its pipeline runs or ran: the runner, and its id and link, if any."
    )
    attempts: int
    created_at: datetime
    ended_at: datetime | None


class StepWrite(Strictly):
    """What a pipeline step tells of itself."""

    state: Literal["running", "succeeded", "failed"]
    message: str = Field(default="", max_length=4000, pattern=PlainText)
    job: str | None = Field(default=None, pattern=JOB_ID, description="The training job it waits for.")
    final: bool = Field(default=False, description="Whether a step that failed would fail again.")


class RefusalWrite(Strictly):
    """Why the run's data cannot be trained on."""

    reason: str = Field(min_length=1, max_length=1500, pattern=PlainText)
    report: Document = Field(default_factory=dict)


class GateWrite(Strictly):
    """The jobs whose results are to be judged."""

    train_job: str = Field(pattern=JOB_ID, description="Id of the run's train job.")
    evaluate_job: str = Field(pattern=JOB_ID, description="Id of the run's evaluate job.")


class RegisteredWrite(Strictly):
    """The registered version that is to be rolled out."""

    version: int = Field(ge=1, lt=2**31)


class RunPlan(Read):
    """What each step of a run is asked to do, decided once when the run is opened."""

    loop: str
    run: int
    model: str
    dataset: str
    cut: datetime | None = Field(description="Only rows before it are used; null: all rows.")
    ingest: IngestSpec | None = Field(description="Labelled production rows that are added first, if any.")
    validation: Document = Field(
        alias="validate", description="As a validate job takes it, but for the data."
    )
    train: Document = Field(description="As a train job takes it, but for the data.")
    evaluate: Document = Field(description="As an evaluate job takes it, but for data and candidate.")
    compress: CompressPlan | None = Field(
        default=None, description="What a compress job is told beside what evaluate is; null: none is made."
    )
    limits: JobLimits
    document: str | None = Field(
        default=None,
        description="SHA-256 of the spec by which it was opened; null: an earlier version opened it.",
    )
