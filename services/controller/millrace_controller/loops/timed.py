"""How what a loop does by the clock stands, as conditions tell it: its source, and the rows scored by themselves."""

from millrace_contracts.status import Condition
from millrace_controller import batches, polls
from millrace_controller.tables import Loop


def conditions(loop: Loop) -> list[Condition]:
    """How the source stands, and the rows that are scored by themselves, if there are any."""
    spec, told = loop.document["spec"], []
    if loop.poll is not None and "source" in spec["data"]:
        told.append(polls.condition(loop.poll))
    if loop.batch is not None and "batch" in (spec.get("predict") or {}):
        told.append(batches.condition(loop.batch, loop.champion))
    return told
