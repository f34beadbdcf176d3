"""How telling people of a loop goes, as conditions tell it."""

from millrace_contracts.status import Condition
from millrace_controller.hints import line
from millrace_controller.tables import Loop


def conditions(loop: Loop) -> list[Condition]:
    """Whether people can be told of the loop; none where nobody is to be."""
    stands = loop.notices
    if stands is None or not stands.channels:
        return []
    if not stands.words:
        count = "1 channel tells" if stands.channels == 1 else f"{stands.channels} channels tell"
        return [Condition(type="Notified", status="True", reason="Reachable", message=f"{count} of it.")]
    reason = "Undelivered" if stands.undelivered or stands.waiting else "NotReady"
    see = line(loop.project, f"notify list {loop.name}")
    return [Condition(type="Notified", status="False", reason=reason, message=f"{stands.words}. See {see}.")]
