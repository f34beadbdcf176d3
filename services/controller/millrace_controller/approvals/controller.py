"""One look at a run that waits for people: stale, expired, or approved and rolled out, or it goes on waiting."""

from millrace_contracts import durations
from millrace_controller.runs import approval, binding, rolling_out
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import State
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Run
from millrace_core.database import AsyncSession, utcnow


async def tend(services: Services, loop: Loop, run: Run) -> bool:
    """Do what there is to do for a run that waits; False while it goes on waiting.

    Whether it is approved, in time, and still what was judged is decided in one transaction, which uses it up.
    """
    async with services.sessions.begin() as session:
        loop, run = await runs.locked(session, loop.project, loop.name, run.number)
        if run.state != State.AWAITING_APPROVAL:
            return True
        if run.approval_used_at is None:
            over = await _over(session, loop, run)
            if over or run.approvals < (run.approvals_needed or 1):
                return over
            await runs.use(session, run)
    try:
        await rolling_out.begin_approved(services, loop, run)
    except rolling_out.Changed as changed:
        await _end(services, loop, run, str(changed))
    return True


async def _over(session: AsyncSession, loop: Loop, run: Run) -> bool:
    """End it if what was judged is not so any more, or if the time is over."""
    why = binding.stale(loop, run)
    if why is not None:
        await approval.end(session, loop, run, "stale", f"the approval is out of date: {why}")
    elif approval.expired(run, utcnow()):
        await approval.end(session, loop, run, "expired", f"not approved within {_lasted(run)}")
    else:
        return False
    return True


def _lasted(run: Run) -> str:
    """The time that people had, in words."""
    assert run.approval is not None
    return durations.words(run.approval.until - run.approval.asked_at)


async def _end(services: Services, loop: Loop, run: Run, why: str) -> None:
    async with services.sessions.begin() as session:
        loop, run = await runs.locked(session, loop.project, loop.name, run.number)
        if run.state == State.AWAITING_APPROVAL:
            await approval.end(session, loop, run, "stale", f"the approval is out of date: {why}")
