"""Whether a document asks for less approval than the one before: then an approver has to declare it."""

from millrace_contracts import durations
from millrace_contracts.gates import APPROVER, ApprovalGate
from millrace_contracts.loop import ModelLoop
from millrace_controller.tables import Loop


def weakens(before: Loop | None, document: ModelLoop) -> str | None:
    """What *document* asks less of than what was declared *before*, also by a loop that was deleted; None: nothing."""
    told = None if before is None else (before.document["spec"].get("gates") or {}).get("approval")
    if told is None:
        return None
    old, new = ApprovalGate.model_validate(told), document.spec.gates.approval
    if new is None:
        return "gates.approval is taken away"
    if new.of < old.of:
        return f"gates.approval.of is {new.of}, it was {old.of}"
    if APPROVER not in old.by and not set(new.by) <= set(old.by):
        return "gates.approval.by lets others approve than before"
    if durations.parse(new.within) > durations.parse(old.within):
        return f"gates.approval.within is {new.within}, it was {old.within}"
    return None
