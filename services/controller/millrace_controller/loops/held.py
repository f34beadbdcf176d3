"""The run that is called for and not opened, as conditions tell it."""

from millrace_contracts.loop_runs import WaitReason
from millrace_contracts.status import Condition
from millrace_controller.hints import line
from millrace_controller.tables import Loop

REASONS: dict[WaitReason, str] = {
    "cool-down": "WaitingForCoolDown",
    "rest": "WaitingForRest",
    "nothing-new": "NothingNew",
}


def conditions(loop: Loop) -> list[Condition]:
    """Why a run waits; none where no run does."""
    waits = loop.waits
    if waits is None:
        return []
    words = f"{waits.reason[:1].upper()}{waits.reason[1:]}."
    if waits.why == "nothing-new":
        words += f" {line(loop.project, f'retrain {loop.name}')} opens one all the same."
    return [Condition(type="RunWaits", status="True", reason=REASONS[waits.why], message=words)]
