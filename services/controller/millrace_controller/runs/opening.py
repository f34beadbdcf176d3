"""Opens a loop run for a trigger: the same trigger is the same run, and at most one is in flight."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from millrace.transport.errors import ApiError
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.loop_runs import RunCause
from millrace_contracts.models import ModelVersionRead
from millrace_controller.hints import line
from millrace_controller.lookup import queries as lookup
from millrace_controller.production import champion as production
from millrace_controller.runs import plan, queries
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Run
from millrace_controller.triggers.rules import Retrain
from millrace_controller.triggers.rules import key as key_of
from millrace_core.auth import Actor
from millrace_core.database import AsyncSession
from millrace_core.errors import Conflict
from millrace_core.persons import Person

CONTROLLER = "controller"


@dataclass(frozen=True)
class Facts:
    """What opening a run needs to know of the other services."""

    dataset: DatasetVersionRead
    champion: ModelVersionRead | None
    archived: Sequence[ModelVersionRead] = ()


async def facts(services: Services, loop: Loop) -> Facts | None:
    """The newest dataset version and the champion; None while there is no data."""
    registry, project = services.clients.registry, loop.project
    try:
        dataset = await registry.dataset_version(loop.spec.data.dataset, project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    champion = None
    if loop.champion is not None:
        champion = await registry.version(loop.name, loop.champion, project=project)
    back = back_to(loop) if champion is not None else []
    return Facts(dataset, champion, [await production.version(services, loop, number) for number in back])


def back_to(loop: Loop) -> list[int]:
    """The archived versions that may come back, newest last."""
    most = loop.spec.switch_back.candidates
    return loop.archive[-most:] if loop.spec.comes_back() and most else []


async def pushed_rows(services: Services, loop: Loop, newest: DatasetVersionRead) -> int:
    """Rows that came into the dataset from outside since the last run was opened; feedback does not count."""
    pushed = 0
    while newest.number > max(loop.seen_version, 1):
        before = await _earlier(services, loop, newest.number - 1)
        if newest.source.kind != "feedback":
            pushed += newest.rows - before.rows
        newest = before
    return pushed + (newest.rows if newest.number > loop.seen_version else 0)


async def _earlier(services: Services, loop: Loop, number: int) -> DatasetVersionRead:
    name, known = loop.spec.data.dataset, services.memory.datasets
    place = (loop.project, name, number)
    if place not in known:
        version = await services.clients.registry.dataset_version(name, number, project=loop.project)
        known[place] = version
    return known[place]


async def open_run(
    session: AsyncSession,
    loop: Loop,
    trigger: Retrain,
    known: Facts,
    through: datetime | None,
    author: str = CONTROLLER,
    asked_by: Person | None = None,
) -> Run:
    """Open the run of *trigger* within the caller's transaction, or return the one that it already opened.

    Args:
        through: event time of the trigger; rows before it are used. None: all rows there are.
        asked_by: the person who asks for it by hand.
    Raises: Conflict if another run is in flight.
    """
    key = key_of(loop.project, loop.name, loop.generation, trigger.cause, trigger.window)
    earlier = await queries.by_key(session, loop.id, key)
    if earlier is not None:
        return earlier
    number, until = loop.runs + 1, through or loop.settled_through
    inputs = plan.Inputs(
        cut=through,
        since=loop.fed_through,
        until=until if loop.champion else None,
        configurations=None if trigger.full_search else loop.configurations,
        champion=known.champion,
        adopt=trigger.adopt,
        archived=known.archived,
        since_change=trigger.since,
    )
    made = plan.make(loop.spec, loop.name, number, inputs)
    at = through or known.dataset.last_event
    opened = _opened(loop, number, trigger, known, at, author)
    cause = RunCause(kind=trigger.cause, reason=trigger.reason, evidence=trigger.evidence)
    loop.seen_version, loop.seen_rows = known.dataset.number, known.dataset.rows
    loop.opened_generation, loop.unanswered = loop.generation, None
    loop.waits, loop.fresh_rows, loop.passed_at = None, 0, None
    return await queries.add(session, loop, key, cause, made, at, opened, asked_by)


def _opened(
    loop: Loop, number: int, trigger: Retrain, known: Facts, at: datetime | None, author: str
) -> Decision:
    return decision(
        project=loop.project,
        loop=loop.name,
        kind="run.opened",
        subject=f"run {number}",
        outcome="opened",
        event_time=at,
        author=author,
        reason=f"Run {number} is opened: {trigger.reason}.",
        run=number,
        evidence={"cause": trigger.cause, "dataset_version": known.dataset.number, **trigger.evidence},
    )


async def by_hand(services: Services, project: str, name: str, trigger: Retrain, actor: Actor) -> Run:
    """Open a run for a person. Raises: NotFound, Conflict if one is in flight, it is paused or there is no data."""
    async with services.readers() as session:
        loop = await lookup.get(session, project, name)
        flight = await queries.in_flight(session, loop.id)
        key = key_of(loop.project, loop.name, loop.generation, trigger.cause, trigger.window)
        earlier = await queries.by_key(session, loop.id, key)
    if earlier is not None:
        return earlier
    if flight is not None:
        raise Conflict(f"{name} has run {flight.number} in flight ({flight.state}); wait for it.")
    if loop.state == "paused":
        raise Conflict(
            f"{name} is paused: no run is opened; end that with {line(project, f'resume {name}')}."
        )
    known = await facts(services, loop)
    if known is None:
        push = line(project, f"data push {name} FILE")
        raise Conflict(f"{name} has no data yet; push some with {push}.")
    async with services.sessions.begin() as session:
        loop = await lookup.locked(session, project, name)
        run = await open_run(session, loop, trigger, known, clock(loop), actor.author, actor.known)
    services.changes.work.set()
    return run


def clock(loop: Loop) -> datetime | None:
    """Event time of a run that no closed day opens: as far as everything is decided."""
    return loop.settled_through if loop.spec.data.event_time else None
