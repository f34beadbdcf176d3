"""A decision: one recorded choice, with its evidence and its author; the same shape in every service."""

import math
import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAMESPACE = uuid.UUID("6f1d3f0e-5b1c-4f62-9a53-6d696c6c7261")
Kind = Literal[
    "loop.applied",
    "loop.paused",
    "loop.resumed",
    "loop.deleted",
    "data.accepted",
    "data.refused",
    "run.opened",
    "run.closed",
    "run.waits",
    "gate.verdict",
    "approval.asked",
    "approval.given",
    "approval.ended",
    "model.registered",
    "rollout.started",
    "rollout.step",
    "rollout.promoted",
    "rollout.aborted",
    "form.fell-back",
    "rollback",
    "switch-back",
    "alarm.opened",
    "alarm.closed",
    "alarm.acknowledged",
    "alarm.silenced",
    "alias.moved",
    "predictions.written",
    "key.made",
    "key.expiry",
    "key.revoked",
]


def rounded(value: Any) -> Any:
    """*value* with every float at 6 significant digits and no NaN, so that a replay compares equal."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


Evidence = Annotated[dict[str, Any], AfterValidator(rounded)]


def decision_id(project: str, loop: str, kind: str, subject: str, event_time: datetime | None) -> str:
    """The id of a decision follows from what it is about, so that telling it twice is telling it once."""
    moment = "" if event_time is None else event_time.isoformat()
    return str(uuid.uuid5(NAMESPACE, "\n".join((project, loop, kind, subject, moment))))


class Decision(BaseModel):
    """One choice, as its owner writes it down."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    project: str = Field(default="default", max_length=63)
    loop: str = Field(max_length=63, description="The loop it belongs to; empty when it belongs to none.")
    run: int | None = Field(default=None, description="Number of the loop run, if any.")
    kind: Kind
    subject: str = Field(max_length=200, description="What was decided about, like 'flights/4' or 'run 3'.")
    outcome: str = Field(max_length=63, description="What was decided, like 'passed' or 'promoted'.")
    event_time: datetime | None = Field(
        description="Event time at which it holds; null when outside event time."
    )
    author: str = Field(max_length=100, description="'controller', another service, or 'user:<name>'.")
    reason: str = Field(max_length=2000, description="One plain sentence with the numbers.")
    evidence: Evidence = Field(default_factory=dict, description="Facts that a replay reproduces.")
    measured: dict[str, Any] = Field(
        default_factory=dict, description="Wall time, latency and the like; in no decision digest."
    )
    cause: str | None = Field(default=None, description="Id of the decision that led to this one.")


def decision(
    *,
    project: str,
    loop: str,
    kind: Kind,
    subject: str,
    outcome: str,
    event_time: datetime | None,
    author: str,
    reason: str,
    at: datetime | None = None,
    **more: Any,
) -> Decision:
    """A decision with its id made from what it is about.

    Args:
        at: the clock's time that tells it from others like it, where there is no event time.
        more: run, evidence, measured, cause.
    """
    return Decision(
        id=decision_id(project, loop, kind, subject, event_time or at),
        project=project,
        loop=loop,
        kind=kind,
        subject=subject,
        outcome=outcome,
        event_time=event_time,
        author=author,
        reason=reason,
        **more,
    )


class DecisionRead(Decision):
    """A decision as the chain keeps it."""

    number: int = Field(description="Place in the chain, from 1.")
    recorded_at: datetime
    hash: str
    previous: str


class DecisionDetail(DecisionRead):
    """A decision and what it led to."""

    followed_by: list[DecisionRead] = Field(description="Decisions that this one led to.")


class DecisionFeed(BaseModel):
    """The next decisions of all projects."""

    items: list[DecisionRead]
    last: int = Field(description="Number to ask behind next.")


class ChainVerification(BaseModel):
    """Whether the chain of decisions is whole."""

    ok: bool
    count: int = Field(description="Links that fit, from the first.")
    head: str = Field(description="Hash of the last of them; keep it elsewhere to notice a truncated log.")
    first_bad: int | None = Field(description="Number of the first link that does not fit or is not there.")


class DecisionDigest(BaseModel):
    """What two replays must agree on."""

    digest: str
    count: int
