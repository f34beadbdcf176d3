"""SQL of approvals: who said what; the count of those who approved grows in one guarded statement."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.approvals import ApprovalVerdict
from millrace_controller.lookup.queries import DELETED
from millrace_controller.runs.states import State
from millrace_controller.tables import Approval, Loop, Run
from millrace_core.database import utcnow
from millrace_core.errors import Conflict
from millrace_core.persons import Person


async def waiting(
    session: AsyncSession, project: str, after: tuple[str, int] | None, limit: int
) -> list[tuple[Loop, Run]]:
    """Runs of a project that wait for approval, by loop; one more than *limit*."""
    mine = (Loop.project == project, Loop.state != DELETED, Run.state == State.AWAITING_APPROVAL)
    query = select(Loop, Run).join(Run, Run.loop_id == Loop.id).where(*mine)
    if after is not None:
        query = query.where(Loop.name > after[0])
    rows = await session.execute(query.order_by(Loop.name, Run.number).limit(limit + 1))
    return [(loop, run) for loop, run in rows]


async def since(session: AsyncSession) -> list[tuple[str, datetime]]:
    """Of every run that waits for approval its project, and since when it does."""
    query = select(Loop.project, Run.approval).join(Run, Run.loop_id == Loop.id)
    rows = await session.execute(query.where(Run.state == State.AWAITING_APPROVAL))
    return [(project, asked.asked_at) for project, asked in rows if asked is not None]


async def said(session: AsyncSession, run: Run) -> list[Approval]:
    """What people said of a run, the first one first."""
    mine = select(Approval).where(Approval.loop_id == run.loop_id, Approval.run == run.number)
    return list((await session.scalars(mine.order_by(Approval.at, Approval.key))).all())


async def count(session: AsyncSession, run: Run, digest: str, now: datetime) -> None:
    """One more has approved; whoever comes at the same time waits here, and then sees that.

    Raises: Conflict if the run waits no more, enough have approved, the time is over, or it is about something else.
    """
    mine = (
        Run.loop_id == run.loop_id,
        Run.number == run.number,
        Run.state == State.AWAITING_APPROVAL,
        Run.approvals < Run.approvals_needed,
        Run.approval_until > now,
        Run.approval_used_at.is_(None),
    )
    change = update(Run).where(*mine).values(approvals=Run.approvals + 1)
    result = await session.execute(change.execution_options(synchronize_session=False))
    asked = run.approval
    if result.rowcount == 0 or asked is None or asked.digest != digest:  # type: ignore[attr-defined]
        raise Conflict(f"Run {run.number} does not wait for this approval any more; look again.")
    await session.refresh(run)


def has_said(votes: Iterable[Approval], person: Person, verdict: ApprovalVerdict) -> bool:
    """Whether somebody said this before, under this name or another."""
    mine = (vote for vote in votes if vote.verdict == verdict)
    return any(person.is_one_of([vote.person], [vote.key]) for vote in mine)


def twice(run: Run, person: Person, verdict: ApprovalVerdict) -> str:
    """Why who has said this cannot say it again, in words."""
    return f"{person.name} has {verdict} run {run.number} already; somebody else has to."


async def add(
    session: AsyncSession,
    run: Run,
    person: Person,
    author: str,
    verdict: ApprovalVerdict,
    digest: str,
    reason: str,
) -> Approval:
    """Write down what somebody said. Raises: Conflict if they said it before, under this name or another."""
    refused = twice(run, person, verdict)
    if has_said(await said(session, run), person, verdict):
        raise Conflict(refused)
    row = Approval(
        loop_id=run.loop_id,
        run=run.number,
        key=person.key,
        verdict=verdict,
        person=person.name,
        author=author,
        reason=reason,
        digest=digest,
        at=utcnow(),
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(refused) from error
    return row
