"""What lies in quarantine is said by the loop whose data it is: nobody looks for a file that was refused."""

from millrace.transport.errors import ApiError
from millrace_contracts.alarms import FindingWrite, StandingWrite
from millrace_contracts.datasets import QuarantineRead
from millrace_contracts.rows import UNREAD, DeliveryReport
from millrace_controller.clock import quarantines
from millrace_controller.hints import line
from millrace_controller.lookup.queries import DELETED
from millrace_controller.loops.quarantine import QUARANTINED, quarantined
from millrace_controller.services import Services
from millrace_controller.tables import Loop
from millrace_core.database import utcnow
from millrace_core.log import log

MOST_ALARMS = 100


async def told(services: Services, loop_id: int) -> str:
    """A sentence about the refused deliveries of a loop's dataset that wait for a person; empty if there are none.

    Each of them is an alarm too, until it is taken, dropped, or replaced by a good file of the same name.
    """
    async with services.readers() as session:
        loop = await session.get(Loop, loop_id)
    if loop is None or loop.state in (DELETED, "deleting"):
        return ""
    waiting = await quarantines.waiting(services, loop)
    await _raise(services, loop, waiting)
    return _sentence(loop.project, waiting) if waiting else ""


async def over(services: Services, loop: Loop) -> None:
    """End the alarms of a loop that goes away."""
    if services.memory.refused.pop(loop.id, ()) or quarantined(loop.message):
        await services.clients.monitoring.hold_alarms(loop.name, _standing(loop, []), project=loop.project)


async def _raise(services: Services, loop: Loop, waiting: list[QuarantineRead]) -> None:
    """Tell monitoring when what lies there has changed, or this process has not told it yet."""
    entries = tuple((item.id, _why(item)) for item in waiting)
    if loop.mode != "live" or services.memory.refused.get(loop.id) == entries:
        return
    try:
        standing = _standing(loop, waiting)
        await services.clients.monitoring.hold_alarms(loop.name, standing, project=loop.project)
    except ApiError as error:
        log.warning("an alarm of refused data waits", loop=loop.name, error=str(error))
        return
    services.memory.refused[loop.id] = entries


def _standing(loop: Loop, waiting: list[QuarantineRead]) -> StandingWrite:
    findings = [_finding(loop.project, item) for item in waiting[-MOST_ALARMS:]]
    return StandingWrite(loop=loop.name, kind="quarantine", at=utcnow(), findings=findings)


def _finding(project: str, item: QuarantineRead) -> FindingWrite:
    reason = f"{_name(item)}, a delivery to {item.dataset}, lies in quarantine: {_why(item)}. {_mend(project, item)}"
    evidence = {"quarantine": item.id, "dataset": item.dataset, "delivery": _name(item)}
    return FindingWrite(cause=f"quarantine:{item.id}", reason=reason[:2000], evidence=evidence)


def _name(item: QuarantineRead) -> str:
    return str(item.source.get("name") or f"entry {item.id}")


def _why(item: QuarantineRead) -> str:
    return "; ".join(line.observed for line in DeliveryReport.model_validate(item.report).failed[:2])


def _is_unread(item: QuarantineRead) -> bool:
    """Whether nothing is known against the data: its job failed, and may be tried again."""
    return all(line.check == UNREAD for line in DeliveryReport.model_validate(item.report).failed)


def _mend(project: str, item: QuarantineRead) -> str:
    accept = f"accept {item.id}" if _is_unread(item) else f"accept {item.id} --widen"
    todo = (f"quarantine show {item.id}", accept, f"drop {item.id}")
    show, accept, drop = (line(project, f"data {command}") for command in todo)
    return f"See {show}; then {accept} or {drop}."


def _sentence(project: str, waiting: list[QuarantineRead]) -> str:
    newest = waiting[-1]
    count = "1 delivery" if len(waiting) == 1 else f"{len(waiting)} deliveries"
    return f"{QUARANTINED}: {count}, the newest {_name(newest)} ({_why(newest)}). {_mend(project, newest)}"
