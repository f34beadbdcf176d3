"""A run that passed its gates and waits for people: how that begins, and every way in which it ends."""

from datetime import datetime

from millrace_contracts import durations
from millrace_contracts.approvals import ApprovalAsked, ApprovalBound, ApprovalState
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.gates import ApprovalGate
from millrace_contracts.models import ModelVersionRead
from millrace_controller.runs import binding, queries
from millrace_controller.runs.ending import closed
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide


def demanded(loop: Loop, run: Run) -> bool:
    """Whether the run has to be approved: its loop says so now, or said so when the gates spoke."""
    return binding.demanded(loop) or (run.judged is not None and run.judged.demanded)


async def ask(
    session: AsyncSession, loop: Loop, run: Run, release: ModelVersionRead, champion: ModelVersionRead | None
) -> None:
    """Let the run wait for people, who are asked to approve exactly this.

    Raises: Conflict if that is not what the gates judged.
    """
    if run.judged is None:
        raise Conflict(f"Run {run.number} was judged before approvals were asked for; retrain {loop.name}.")
    if binding.other_files(run.judged, release):
        raise Conflict(f"Version {release.number} has other files than the candidate that the gates judged.")
    now, gate = utcnow(), loop.spec.gates.approval or ApprovalGate()
    bound = binding.bound(run, run.judged, release, champion)
    asked = ApprovalAsked(
        state="waiting",
        digest=binding.whole(loop, run, bound),
        bound=bound,
        by=gate.by,
        of=gate.of,
        given=[],
        requesters=_told(run.asked_by, run.declared_by, loop.declared_by),
        requester_ids=_told(run.asked_by_id, run.declared_by_id, loop.declared_by_id),
        asked_at=now,
        until=now + durations.parse(gate.within),
    )
    await queries.move(
        session,
        run,
        State.AWAITING_APPROVAL,
        version=release.number,
        digest=release.digest,
        approval=asked,
        approval_until=asked.until,
        approvals=0,
        approvals_needed=asked.of,
    )
    await decide(session, Outbox, _asked(loop, run, asked))


def _told(*known: str | None) -> list[str]:
    """Who may not approve: who asked for the run, and who declared the loop as it was opened and as it is."""
    return list(dict.fromkeys(name for name in known if name))


async def end(session: AsyncSession, loop: Loop, run: Run, state: ApprovalState, why: str) -> None:
    """End a run that waited: its candidate is rejected, and everything else goes on as after any rejection."""
    assert run.approval is not None
    over = run.approval.model_copy(update={"state": state})
    await queries.move(session, run, State.REJECTED, message=why, approval=over)
    ended = _ended(loop, run, over, why)
    await decide(session, Outbox, ended)
    await decide(session, Outbox, closed(loop, run, why, run.opened_at, ended.id))
    loop.updated_at = utcnow()


def withdrawn(run: Run) -> dict[str, ApprovalAsked]:
    """What becomes of the approval of a run whose loop is deleted: columns of the run."""
    if run.state != State.AWAITING_APPROVAL or run.approval is None:
        return {}
    return {"approval": run.approval.model_copy(update={"state": "withdrawn"})}


def expired(run: Run, now: datetime) -> bool:
    """Whether people had their time, and too few have approved."""
    needed, until = run.approvals_needed, run.approval_until
    return needed is not None and until is not None and run.approvals < needed and now >= until


def _asked(loop: Loop, run: Run, asked: ApprovalAsked) -> Decision:
    who = ", ".join(asked.by)
    why = f"Version {asked.bound.version} passed its gates and waits for {asked.of} to approve (by: {who})."
    return decision(
        project=loop.project, loop=loop.name, kind="approval.asked", subject=f"run {run.number}", outcome="waiting",
        event_time=run.opened_at, author="controller",
        reason=why[:2000], run=run.number, evidence=_evidence(asked.digest, asked.bound),
        measured={"until": durations.iso(asked.until), "requesters": asked.requesters}, cause=run.decision,
    )  # fmt: skip


def _ended(loop: Loop, run: Run, asked: ApprovalAsked, why: str) -> Decision:
    return decision(
        project=loop.project, loop=loop.name, kind="approval.ended", subject=f"run {run.number}",
        outcome=asked.state, event_time=run.opened_at, author="controller",
        reason=f"Version {asked.bound.version} does not go into production: {why}."[:2000], run=run.number,
        evidence=_evidence(asked.digest, asked.bound), cause=run.decision,
    )  # fmt: skip


def _evidence(digest: str, bound: ApprovalBound) -> dict[str, object]:
    return {"approved": digest, **bound.model_dump(mode="json")}
