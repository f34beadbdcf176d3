"""Approvals by people: what exactly is approved, who may, until when, and what they said."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from millrace_contracts.bodies import Document, Read
from millrace_contracts.learning import Block
from millrace_contracts.names import Digest, PlainText
from millrace_contracts.parts import Strictly
from millrace_contracts.verdicts import GatesVerdict

ApprovalState = Literal["waiting", "approved", "used", "rejected", "expired", "stale", "withdrawn"]
"""Approved: enough people have. Used: the rollout began by it. Stale: what was judged is not so any more. Withdrawn:
the loop was deleted."""
ApprovalVerdict = Literal["approved", "rejected"]


class JudgedEvidence(Read):
    """What a run's gates judged, kept when they spoke."""

    document: Digest = Field(
        description="Digest of those parts of the loop's document that say what is judged how."
    )
    evidence: Digest = Field(description="Digest of the gates' verdict and of all metrics.")
    metrics: Document = Field(description="Metrics of candidate and champion.")
    dataset_version: int | None = Field(
        default=None, description="The data that it was judged on; null: an earlier version did not keep it."
    )
    files: dict[str, Digest] = Field(
        default={},
        description="Digests of the candidate's files by name; none: an earlier version did not keep them.",
    )
    blocks: list[Block] = Field(
        default=[],
        description="Losses by block, which a later run against the same champion counts too; none: not kept.",
    )
    demanded: bool = Field(description="Whether the document asked for people's approval then.")


class ApprovalBound(Read):
    """What an approval is for: these, and nothing else."""

    version: int = Field(description="The candidate.")
    digest: Digest = Field(description="Digest of its release unit.")
    champion: int | None = Field(description="The version that it was judged against; null: there was none.")
    champion_digest: Digest | None = Field(description="Digest of that version's release unit.")
    evidence: Digest = Field(description="Digest of the gates' verdict and of all metrics.")
    document: Digest = Field(description="Digest of what was declared of data, training, gates and rollout.")


class ApprovalAsked(Read):
    """What people are asked to approve, and how far that is."""

    state: ApprovalState
    digest: Digest = Field(description="Digest of the run and of all that the approval is bound to.")
    bound: ApprovalBound
    by: list[str] = Field(description="Who may: approver, for everybody with that role, or names.")
    of: int = Field(description="How many have to.")
    given: list[str] = Field(description="Who has approved.")
    requesters: list[str] = Field(description="Who asked for the run or declared its loop: they may not.")
    requester_ids: list[str] = Field(
        default=[],
        description="By what those are known whose name may change; none: an earlier version did not keep it.",
    )
    asked_at: datetime
    until: datetime = Field(description="When it expires, on the clock.")


class ApprovalVote(Read):
    """What one person said."""

    person: str
    author: str = Field(description="As the decision names them.")
    verdict: ApprovalVerdict
    reason: str
    digest: Digest
    at: datetime


class ApprovalRead(ApprovalAsked):
    """An approval with its evidence."""

    project: str
    loop: str
    run: int
    event_time: datetime | None = Field(
        default=None, description="Event time of what opened the run; null: it has none."
    )
    cause: str = Field(description="What opened the run.")
    verdict: GatesVerdict | None = Field(description="What the gates said.")
    metrics: Document = Field(description="Metrics of candidate and champion.")
    votes: list[ApprovalVote] = Field(description="What people said, the first one first.")
    message: str = Field(description="How it ended, if it has.")
    approve_refused: str | None = Field(
        default=None,
        description="Why whoever asks could not approve it now; null: they could, or an earlier version does not say.",
    )
    reject_refused: str | None = Field(
        default=None,
        description="Why whoever asks could not reject it now; null: they could, or an earlier version does not say.",
    )


class ApproveWrite(Strictly):
    """One person's approval."""

    digest: Digest = Field(description="Digest of what was looked at; another one is refused.")
    reason: str = Field(default="", max_length=500, pattern=PlainText)


class RejectWrite(Strictly):
    """One person's rejection: it ends the run."""

    digest: Digest = Field(description="Digest of what was looked at; another one is refused.")
    reason: str = Field(min_length=1, max_length=500, pattern=PlainText, description="Why; it is recorded.")
