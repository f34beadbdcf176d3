"""A run that is called for and not opened is a decision of its own; it stays said while that is so."""

from datetime import datetime

from millrace_contracts.decisions import Decision, decision
from millrace_contracts.loop_runs import RunWait
from millrace_controller.tables import Loop, Outbox
from millrace_controller.triggers.rules import Action, LoopFacts, Wait
from millrace_core.database import AsyncSession
from millrace_core.names import shortened
from millrace_core.outbox import decide

CONTROLLER, SUBJECT = "controller", 200


async def note(
    session: AsyncSession, loop: Loop, facts: LoopFacts, action: Action, through: datetime
) -> None:
    """Keep that a run waits, or that none does any more, within the caller's transaction."""
    before = loop.waits
    if not isinstance(action, Wait):
        loop.waits = before if action is None and _stays(before, facts) else None
        return
    trigger = action.trigger
    if action.why == "nothing-new" and trigger.cause == "schedule":
        loop.passed_at = through
    if before is not None and (before.window, before.why) == (trigger.window, action.why):
        return
    loop.waits = RunWait(
        cause=trigger.cause,
        window=trigger.window,
        why=action.why,
        since=through,
        until=action.until,
        reason=action.reason[:1500],
    )
    await decide(session, Outbox, _decision(loop, action, through))


def _stays(before: RunWait | None, facts: LoopFacts) -> bool:
    """Whether there is still nothing new for a schedule that had its turn; an alarm calls anew while it is open."""
    passed = before is not None and before.why == "nothing-new" and before.cause == "schedule"
    return passed and facts.same_as is not None


def _decision(loop: Loop, wait: Wait, through: datetime) -> Decision:
    trigger = wait.trigger
    what = str(trigger.evidence.get("alarm", trigger.cause))
    until = None if wait.until is None else wait.until.isoformat()
    return decision(
        project=loop.project,
        loop=loop.name,
        kind="run.waits",
        subject=shortened(f"{loop.name}/{what}", SUBJECT),
        outcome=wait.why,
        event_time=through,
        author=CONTROLLER,
        reason=f"{wait.reason[:1].upper()}{wait.reason[1:]}."[:2000],
        evidence={"cause": trigger.cause, "until": until, "runs": loop.runs, **trigger.evidence},
    )
