"""A loop in one line, and how well it is; pure functions of what is stored."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from millrace_contracts.loop_runs import LoopRunState as State
from millrace_contracts.loops import LoopOwner
from millrace_contracts.overviews import HEALTHS, Health, LoopGlance, LoopSort, RunGlance
from millrace_controller.loops import approving, status
from millrace_controller.loops.quarantine import QUARANTINED, quarantined
from millrace_controller.runs.states import BUSY, IN_FLIGHT
from millrace_controller.tables import Loop, Run
from millrace_core.waiting import QUEUED

NEVER = datetime.min.replace(tzinfo=UTC)
"""Sorts before every time."""
Line = tuple[Loop, Run | None, str]
"""A loop, its newest run and its task."""


class Standing(NamedTuple):
    """What decides how well a loop is and where it stands in a list: short columns, read of every loop."""

    id: int
    name: str
    state: str
    message: str
    champion: int | None
    found: bool
    """Whether a monitor found something."""
    updated_at: datetime
    run: str | None
    """State of its newest run."""
    told: str | None
    """That run's message."""
    waits: str | None
    """Why a pod of that run does not do its work."""
    opened_at: datetime | None


def of(it: Standing, line: Line) -> LoopGlance:
    """One line of a loop; its newest run may be in flight or not."""
    loop, newest, task = line
    flight = newest if newest is not None and newest.state in IN_FLIGHT else None
    rolls = flight is not None and flight.state == State.ROLLING_OUT and flight.traffic is not None
    way = in_the_way(loop, newest)
    return LoopGlance(
        name=loop.name,
        health=health(it),
        phase=status.phase(loop, newest),
        state=loop.state,
        task=task,
        champion=loop.champion,
        champion_since=loop.champion_since,
        candidate=flight.version if flight is not None and rolls else None,
        weight=flight.traffic.weight if flight is not None and flight.traffic is not None and rolls else None,
        in_the_way=way,
        run=None if newest is None else _run(newest),
        owner=None if loop.owner is None else LoopOwner.model_validate(loop.owner),
        settled_through=loop.settled_through,
        updated_at=loop.updated_at,
    )


def _run(newest: Run) -> RunGlance:
    return RunGlance(
        number=newest.number,
        state=newest.state,
        step=status.step_of(newest),
        cause=newest.cause.reason or newest.cause.kind,
        opened_at=newest.opened_at,
        created_at=newest.created_at,
        ended_at=newest.ended_at,
    )


def health(it: Standing) -> Health:
    """How much a loop wants a person."""
    if it.state == "paused":
        return "paused"
    if it.run == State.AWAITING_APPROVAL:
        return "blocked"
    if stalls(it.message, it.champion, it.run, it.told, it.waits) or refused(it.message, it.run):
        return "blocked"
    if it.found:
        return "alarm"
    if it.run in IN_FLIGHT:
        return "working"
    return "waiting" if it.champion is None else "good"


def stalls(message: str, champion: int | None, run: str | None, told: str | None, waits: str | None) -> bool:
    """Whether the condition `Stalled` says so of a loop, known by a few columns.

    Args:
        message: the loop's.
        run, told, waits: of its newest run the state, the message, and why its pod does not do its work.
    """
    if waits not in (None, QUEUED) or run == State.FAILED:
        return True
    if message and not (champion and message.startswith(QUARANTINED)):
        return True
    return run in BUSY and bool(told)


def refused(message: str, run: str | None) -> bool:
    """Whether data of a loop was refused; *message*: the loop's; *run*: the state of its newest run."""
    return bool(quarantined(message)) or run == State.REFUSED


def in_the_way(loop: Loop, newest: Run | None) -> str:
    """What a loop waits for, in a sentence: what stalls it, then refused data, then its place in the queue."""
    stalls, data = status.stalled(loop, newest), status.data_valid(loop, newest)
    if newest is not None and newest.state == State.AWAITING_APPROVAL:
        return f"Run {newest.number}: {approving.told(newest)}"
    if stalls.status == "True":
        return stalls.message or stalls.reason
    if data.status == "False":
        return data.message
    if newest is not None and newest.state in BUSY and newest.queue is not None:
        return f"Run {newest.number} waits: {newest.queue.told()}."
    if newest is not None and newest.waiting is not None and newest.waiting.reason == QUEUED:
        return newest.waiting.message
    return "Found: " + ", ".join(loop.causes) if loop.causes else ""


def ordered(found: list[Standing], by: LoopSort, down: bool) -> list[Standing]:
    """Loops in that order, those that are equal in it by name."""
    named = sorted(found, key=lambda item: item.name)
    keys: dict[LoopSort, Callable[[Standing], int | str | datetime]] = {
        "health": lambda item: HEALTHS.index(health(item)),
        "name": lambda item: item.name,
        "champion": lambda item: item.champion or 0,
        "run": lambda item: item.opened_at or NEVER,
        "changed": lambda item: item.updated_at,
    }
    return sorted(named, key=keys[by], reverse=down)
