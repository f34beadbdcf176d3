"""Loops as the controller shows them: what was declared, and where it stands."""

from datetime import datetime

from pydantic import Field

from millrace_contracts.batches import BatchRead
from millrace_contracts.bodies import Document, Read
from millrace_contracts.loop_runs import LoopRunRead, RunWait
from millrace_contracts.names import PlainText
from millrace_contracts.parts import Strictly
from millrace_contracts.pulls import SourceRead


class ConditionRead(Read):
    """One thing that is so, is not so, or is not known yet."""

    type: str
    status: str = Field(description="True, False or Unknown.")
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field(description="Why, in a sentence.")


class CandidateRead(Read):
    """The version that is being rolled out."""

    version: int
    digest: str | None
    weight: float = Field(description="Its share of the answers, in percent.")
    run: int


class LoopOwner(Read):
    """The cluster's resource that declares a loop."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int = Field(description="The newest of its specs that was taken.")


class LoopOutline(Read):
    """Where a loop stands."""

    name: str
    project: str
    mode: str = Field(description="live, or backtest.")
    state: str = Field(description="active, paused or deleting.")
    generation: int = Field(description="Grows by one whenever the spec changes.")
    phase: str = Field(
        description="In one word: waiting, running, awaiting-approval, rolling-out, watching, paused, deleting."
    )
    champion: int | None = Field(description="Model version in production.")
    candidate: CandidateRead | None = Field(description="The version that is being rolled out.")
    conditions: list[ConditionRead] = Field(description="What is so, what is not, and why.")
    owner: LoopOwner | None = Field(description="The cluster's resource that declares it, if one does.")
    source: SourceRead | None = Field(
        default=None,
        description="How the source stands that its rows come from by themselves, if there is one.",
    )
    batch: BatchRead | None = Field(
        default=None, description="How the rows stand that are scored by themselves, if there are any."
    )
    archive: list[int] = Field(description="Versions that may come back, oldest first.")
    run: LoopRunRead | None = Field(description="The newest run.")
    waits: RunWait | None = Field(
        default=None,
        description="The run that is called for and not opened yet, and why; null: there is none.",
    )
    settled_through: datetime | None = Field(
        description="Event time through which everything has been decided."
    )
    settled: bool = Field(description="Whether nothing waits for a pipeline.")
    rest_until: datetime | None
    message: str = Field(description="What is in the way, if anything.")
    created_at: datetime
    updated_at: datetime


class LoopRead(LoopOutline):
    """A loop as declared, and where it stands."""

    document: Document


class RollbackWrite(Strictly):
    """Back to a version by hand."""

    to: int | None = Field(default=None, ge=1, lt=2**31, description="Version; null: the one before.")
    reason: str = Field(default="asked for by hand", min_length=1, max_length=500, pattern=PlainText)
    key: str | None = Field(
        default=None, max_length=100, description="The same key again is the same rollback."
    )


class RetrainWrite(Strictly):
    """A run by hand."""

    key: str | None = Field(default=None, max_length=100, description="The same key again is the same run.")
    search: bool = Field(default=False, description="Search in full instead of fitting the best again.")
