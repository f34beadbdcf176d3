"""A loop in one line, and how well it is; pure functions of what is stored."""

from collections.abc import Callable
from dataclasses import dataclass

from millrace_contracts.loop_runs import LoopRunState as State
from millrace_contracts.loops import LoopOwner
from millrace_contracts.overviews import HEALTHS, Health, LoopGlance, LoopSort, RunGlance
from millrace_controller.loops import approving, status
from millrace_controller.runs.states import BUSY, IN_FLIGHT
from millrace_controller.tables import Loop, Run
from millrace_core.waiting import QUEUED

NEVER = "0000"
"""Sorts before every time."""


def of(loop: Loop, newest: Run | None, task: str) -> LoopGlance:
    """One line of *loop*; *newest*: its newest run, in flight or not."""
    flight = newest if newest is not None and newest.state in IN_FLIGHT else None
    rolls = flight is not None and flight.state == State.ROLLING_OUT and flight.traffic is not None
    way = in_the_way(loop, newest)
    return LoopGlance(
        name=loop.name,
        health=health(loop, newest),
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
        ended_at=newest.ended_at,
    )


def health(loop: Loop, newest: Run | None) -> Health:
    """How much a loop wants a person."""
    if loop.state == "paused":
        return "paused"
    if newest is not None and newest.state == State.AWAITING_APPROVAL:
        return "blocked"
    if status.stalled(loop, newest).status == "True" or status.data_valid(loop, newest).status == "False":
        return "blocked"
    if loop.causes:
        return "alarm"
    if newest is not None and newest.state in IN_FLIGHT:
        return "working"
    return "waiting" if loop.champion is None else "good"


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


@dataclass(frozen=True)
class Found:
    """A loop as the database has it, and how well it is; only those that are shown become lines."""

    loop: Loop
    run: Run | None
    task: str
    health: Health

    def line(self) -> LoopGlance:
        """The loop in one line."""
        return of(self.loop, self.run, self.task)


def ordered(found: list[Found], by: LoopSort, down: bool) -> list[Found]:
    """Loops in that order, those that are equal in it by name."""
    named = sorted(found, key=lambda item: item.loop.name)
    keys: dict[LoopSort, Callable[[Found], int | str]] = {
        "health": lambda item: HEALTHS.index(item.health),
        "name": lambda item: item.loop.name,
        "champion": lambda item: item.loop.champion or 0,
        "run": lambda item: (
            NEVER if item.run is None or item.run.opened_at is None else str(item.run.opened_at)
        ),
        "changed": lambda item: str(item.loop.updated_at),
    }
    return sorted(named, key=keys[by], reverse=down)
