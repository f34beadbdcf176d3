"""How many pods answer for a loop that is scaled by load, as a condition tells it."""

from typing import Literal

from millrace_contracts.status import Condition
from millrace_controller.production.replicas import scales
from millrace_controller.tables import Loop

UNKNOWN = "its load is not known"


def conditions(loop: Loop) -> list[Condition]:
    """Whether there are as many pods as the load calls for; none for a loop that does not ask for it."""
    if not scales(loop) or loop.champion is None:
        return []
    found = loop.replicas
    if found is None:
        words = "No autoscaler holds pods of its champion now: it is not loaded yet, or it answers from a shared pod."
        return [_condition("Unknown", "NotScaled", words)]
    told = f"{found.current} of {found.least} to {found.most} pods, {found.wanted} wanted: {found.why}."
    if found.why.startswith(UNKNOWN):
        return [_condition("False", "LoadUnknown", told)]
    if found.current != found.wanted:
        return [_condition("False", "Scaling", told)]
    return [_condition("True", "AsWanted", told)]


def _condition(status: Literal["True", "False", "Unknown"], reason: str, message: str) -> Condition:
    return Condition(type="Scaled", status=status, reason=reason, message=message)
