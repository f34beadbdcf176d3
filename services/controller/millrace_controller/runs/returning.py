"""A run that found an archived version better than its candidate and the champion ends with the way back to it."""

from millrace_controller.production import intending
from millrace_controller.runs import binding
from millrace_controller.runs.opening import CONTROLLER
from millrace_controller.tables import Loop, Run
from millrace_controller.triggers.rules import GoBack
from millrace_core.database import AsyncSession


async def intend(session: AsyncSession, loop: Loop, run: Run) -> None:
    """Intend the way back in the transaction that ends the *run*; nothing if the loop stands otherwise by now."""
    action = wanted(loop, run)
    if action is not None:
        key = f"{loop.name}/run-{run.number}"
        await intending.intend(session, loop, action, "switch-back", CONTROLLER, run.opened_at, key)


def wanted(loop: Loop, run: Run) -> GoBack | None:
    """The way back that the run's gates call for, unless what they judged is not so any more, or a person holds the
    loop: it is paused, its route is changing already, or another version answers or is archived by now."""
    verdict = run.verdict
    if verdict is None or verdict.back is None or loop.state != "active" or loop.route_intent is not None:
        return None
    if loop.champion != binding.rival(run) or verdict.back not in loop.archive or not loop.spec.comes_back():
        return None
    gate = next(item for item in verdict.gates if item.name == "archive")
    return GoBack(verdict.back, gate.reason, gate.model_dump(mode="json"))
