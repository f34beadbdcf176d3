"""A loop that cannot go on for minutes is an alarm, and over when it goes on: nobody looks at what stands still."""

import time

import httpx

from millrace.transport.errors import ApiError, Busy
from millrace_contracts.alarms import FindingWrite, StandingWrite
from millrace_controller.hints import line
from millrace_controller.lookup.queries import DELETED
from millrace_controller.services import Blocked, Services
from millrace_controller.tables import Loop
from millrace_core.database import utcnow
from millrace_core.log import log

PATIENCE = 300.0
"""Seconds for which a loop stands still before people are told: what restarts is back sooner."""
CAUSE = "blocked:loop"


async def told(services: Services, loop_id: int, trouble: str, known: str) -> None:
    """Raise the alarm when *trouble* has lasted, and end it when there is none any more.

    Args:
        trouble: why this pass could not go on; empty: it could.
        known: what the pass before said so, which may have been another process's.
    """
    state = services.memory.blocked.get(loop_id)
    if trouble:
        state = services.memory.blocked.setdefault(loop_id, Blocked(time.monotonic()))
        if not state.told and time.monotonic() - state.since >= PATIENCE:
            state.told = await _hold(services, loop_id, trouble)
        return
    stood = bool(known) if state is None else state.told
    if not stood or await _hold(services, loop_id, ""):
        services.memory.blocked.pop(loop_id, None)
    elif state is None:
        services.memory.blocked[loop_id] = Blocked(time.monotonic(), told=True)


async def over(services: Services, loop: Loop) -> None:
    """End the alarm of a loop that goes away."""
    if services.memory.blocked.pop(loop.id, None) or loop.message:
        await services.clients.monitoring.hold_alarms(loop.name, _standing(loop, ""), project=loop.project)


async def _hold(services: Services, loop_id: int, trouble: str) -> bool:
    """Whether monitoring was told."""
    async with services.readers() as session:
        loop = await session.get(Loop, loop_id)
    if loop is None or loop.mode != "live" or loop.state in (DELETED, "deleting"):
        return True
    try:
        await services.clients.monitoring.hold_alarms(
            loop.name, _standing(loop, trouble), project=loop.project
        )
    except (ApiError, Busy, httpx.TransportError) as error:
        log.warning("an alarm of a loop that stands still waits", loop=loop.name, error=str(error)[:300])
        return False
    return True


def _standing(loop: Loop, trouble: str) -> StandingWrite:
    watch = line(loop.project, f"watch {loop.name} --once")
    reason = f"{loop.name} cannot go on: {trouble[:1500]} See {watch}."
    findings = [FindingWrite(cause=CAUSE, reason=reason)] if trouble else []
    return StandingWrite(loop=loop.name, kind="blocked", at=utcnow(), findings=findings)
