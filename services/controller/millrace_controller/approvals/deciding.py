"""One person approves or rejects: who may is looked at first, and the database counts."""

from dataclasses import dataclass

from millrace_contracts.approvals import ApprovalAsked, ApprovalVerdict
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.gates import APPROVER
from millrace_controller.approvals import queries
from millrace_controller.runs import approval, binding
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import State
from millrace_controller.services import Services
from millrace_controller.tables import Approval, Loop, Outbox, Run
from millrace_core.auth import Actor
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict, Forbidden
from millrace_core.outbox import decide


@dataclass(frozen=True)
class Saying:
    """Who says what of which run, having looked at what has this digest."""

    project: str
    loop: str
    run: int
    actor: Actor
    digest: str
    reason: str


async def approve(services: Services, saying: Saying) -> Run:
    """Count one more approval; with the last one that is needed the rollout begins soon.

    Raises: NotFound; Forbidden for who asked for the run, and for who is not among those who may; Conflict if it waits
    no more, was approved by them before, or is not what they looked at.
    """
    async with services.sessions.begin() as session:
        loop, run = await runs.locked(session, saying.project, saying.loop, saying.run)
        asked = _waits(run, saying)
        may_approve(asked, saying.actor)
        still_so(loop, run)
        await queries.count(session, run, saying.digest, utcnow())
        row = await _write(session, run, saying, "approved")
        enough = run.approvals >= asked.of
        run.approval = asked.model_copy(
            update={
                "given": [*asked.given, saying.actor.person],
                "state": "approved" if enough else "waiting",
            }
        )
        loop.updated_at = utcnow()
        await session.flush()
        await decide(session, Outbox, _given(loop, run, asked, row))
    services.changes.tell()
    return run


async def reject(services: Services, saying: Saying) -> Run:
    """End the run: its candidate does not go into production. Who asked for it may take it back so, too.

    Raises: NotFound; Forbidden for who is not among those who may; Conflict if it waits no more, or is another.
    """
    async with services.sessions.begin() as session:
        loop, run = await runs.locked(session, saying.project, saying.loop, saying.run)
        asked = _waits(run, saying)
        may_reject(asked, saying.actor)
        unused(run)
        row = await _write(session, run, saying, "rejected")
        await decide(session, Outbox, _given(loop, run, asked, row))
        await approval.end(
            session, loop, run, "rejected", f"not approved: {saying.actor.person} says: {saying.reason}"
        )
    services.changes.tell()
    return run


def _waits(run: Run, saying: Saying) -> ApprovalAsked:
    asked = open_question(run, saying.loop)
    if asked.digest != saying.digest:
        raise Conflict(
            f"What you looked at is {saying.digest}, and run {run.number} of {saying.loop} waits for the approval of "
            f"{asked.digest}; look at that first."
        )
    return asked


def open_question(run: Run, loop: str) -> ApprovalAsked:
    """What the run waits for. Raises: Conflict if it waits for nobody, or not any more."""
    asked = run.approval
    if asked is None or run.state != State.AWAITING_APPROVAL:
        raise Conflict(f"Run {run.number} of {loop} is {run.state}; it waits for nobody's approval.")
    if approval.expired(run, utcnow()):
        raise Conflict(f"The time to approve run {run.number} was over at {asked.until:%Y-%m-%d %H:%M} UTC.")
    return asked


def may_approve(asked: ApprovalAsked, actor: Actor) -> None:
    """Raises: Forbidden for who asked for the run, and for who is not among those who may."""
    may_reject(asked, actor)
    if actor.known.is_one_of(asked.requesters, asked.requester_ids):
        raise Forbidden(
            f"{actor.person} asked for this run, or declared the loop by which it was judged; "
            "somebody else has to approve."
        )


def may_reject(asked: ApprovalAsked, actor: Actor) -> None:
    """Raises: Forbidden for who is not among those who may."""
    if actor.is_a_part:
        raise Forbidden("People approve; no part of Millrace does.")
    if actor.token:
        raise Forbidden(
            f"This token was made for a program of {actor.person}, and people approve. Sign in yourself: in the "
            "console, or with a token of your provider."
        )
    if APPROVER not in asked.by and not actor.known.is_named(asked.by):
        raise Forbidden(f"{actor.person} is not among those who may: {', '.join(asked.by)}.")


def unused(run: Run) -> None:
    """Raises: Conflict once the rollout begins by the approval."""
    if run.approval_used_at is not None:
        raise Conflict(f"Run {run.number} was approved, and its rollout begins; roll back instead.")


def still_so(loop: Loop, run: Run) -> None:
    """Raises: Conflict if what was judged is not so any more."""
    why = binding.stale(loop, run)
    if why is not None:
        raise Conflict(
            f"There is nothing to approve any more: {why}. Retrain {loop.name} for a new candidate."
        )


async def _write(session: AsyncSession, run: Run, saying: Saying, verdict: ApprovalVerdict) -> Approval:
    actor = saying.actor
    return await queries.add(session, run, actor.known, actor.author, verdict, saying.digest, saying.reason)


def _given(loop: Loop, run: Run, asked: ApprovalAsked, row: Approval) -> Decision:
    why = f": {row.reason}" if row.reason else ""
    count = f" ({run.approvals} of {asked.of})" if row.verdict == "approved" else ""
    return decision(
        project=loop.project, loop=loop.name, kind="approval.given",
        subject=f"run {run.number} {row.verdict} by {row.person}"[:200], outcome=row.verdict,
        event_time=run.opened_at, author=row.author,
        reason=f"{row.person} has {row.verdict} version {asked.bound.version}{count}{why}."[:2000], run=run.number,
        evidence={"approved": row.digest, **asked.bound.model_dump(mode="json")}, cause=run.decision,
    )  # fmt: skip
