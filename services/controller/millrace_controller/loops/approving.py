"""How a run that waits for people stands, as conditions and status tell it."""

from typing import Literal

from millrace_contracts.status import Condition
from millrace_controller.hints import line
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Run

ENDED = {"rejected": "Rejected", "expired": "Expired", "stale": "Stale", "withdrawn": "Withdrawn"}


def told(run: Run) -> str:
    """What it waits for, until when, and who has approved already."""
    asked = run.approval
    if asked is None:
        return "waits for approval"
    if asked.state == "approved":
        return f"version {asked.bound.version} is approved by {', '.join(asked.given)}, its rollout begins"
    given = f" ({', '.join(asked.given)} did)" if asked.given else ""
    return (
        f"version {asked.bound.version} passed its gates and has {len(asked.given)} of {asked.of} approvals{given}, "
        f"until {asked.until:%Y-%m-%d %H:%M} UTC"
    )


def conditions(loop: Loop, newest: Run | None) -> list[Condition]:
    """Whether the newest candidate is approved; none where nobody was asked."""
    if newest is None or newest.approval is None:
        return []
    if newest.state == State.AWAITING_APPROVAL and newest.approval.state == "waiting":
        show = line(loop.project, f"approvals show {loop.name}")
        return [_condition("Unknown", "Waiting", f"Run {newest.number}: {told(newest)}. See {show}.")]
    if newest.approval.state in ENDED:
        return [_condition("False", ENDED[newest.approval.state], newest.message)]
    people = ", ".join(newest.approval.given)
    return [
        _condition("True", "Approved", f"Version {newest.approval.bound.version} is approved by {people}.")
    ]


def _condition(status: Literal["True", "False", "Unknown"], reason: str, message: str) -> Condition:
    return Condition(type="Approved", status=status, reason=reason, message=message)
