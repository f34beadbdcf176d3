"""Opens a loop run for a trigger: the same trigger is the same run, and at most one is in flight."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import FastAPI

from millrace.client.transport import ApiError
from millrace.decisions import decision
from millrace.loop import ModelLoop
from millrace_controller.loops import queries as loops
from millrace_controller.runs import plan, queries
from millrace_controller.tables import Loop, Run
from millrace_controller.triggers.rules import key as key_of
from millrace_core.database import AsyncSession
from millrace_core.errors import Conflict


@dataclass(frozen=True)
class Trigger:
    """Why a run is to be opened, and for which window; the same pair is the same run."""

    cause: str
    window: str
    reason: str
    author: str = "controller"
    evidence: dict[str, Any] = field(default_factory=dict)
    full_search: bool = False


@dataclass(frozen=True)
class Facts:
    """What opening a run needs to know of the other services."""

    dataset: dict[str, Any]
    champion: dict[str, Any] | None


async def facts(app: FastAPI, loop: Loop) -> Facts | None:
    """The newest dataset version and the champion; None while there is no data."""
    registry, project = app.state.apis.registry, loop.project
    name = loop.document["spec"]["data"]["dataset"]
    try:
        dataset = await registry.get(f"/v1/datasets/{name}/versions/latest", project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    champion = None
    if loop.champion is not None:
        champion = await registry.get(f"/v1/models/{loop.name}/versions/{loop.champion}", project=project)
    return Facts(dataset, champion)


async def pushed_rows(app: FastAPI, loop: Loop, known: Facts) -> int:
    """Rows that came into the dataset from outside since the last run was opened; feedback does not count."""
    newest, pushed = known.dataset, 0
    name, project = loop.document["spec"]["data"]["dataset"], loop.project
    cache = app.state.versions
    while newest["number"] > max(loop.seen_version, 1):
        key = (project, f"dataset/{name}", newest["number"] - 1)
        if key not in cache:
            path = f"/v1/datasets/{name}/versions/{newest['number'] - 1}"
            cache[key] = await app.state.apis.registry.get(path, project=project)
        if newest["source"]["kind"] != "feedback":
            pushed += newest["rows"] - cache[key]["rows"]
        newest = cache[key]
    return pushed + (newest["rows"] if newest["number"] > loop.seen_version else 0)


async def open_run(
    session: AsyncSession, loop: Loop, trigger: Trigger, known: Facts, through: datetime | None
) -> Run:
    """Open the run of *trigger* within the caller's transaction, or return the one that it already opened.

    Args:
        through: event time of the trigger; rows before it are used. None: all rows there are.
    Raises: Conflict if another run is in flight.
    """
    key = key_of(loop.project, loop.name, loop.generation, trigger.cause, trigger.window)
    found = await queries.by_key(session, loop.id, key)
    if found is not None:
        return found
    document = ModelLoop.model_validate(loop.document)
    search = loop.configurations if not trigger.full_search else None
    until = through or loop.settled_through
    made = plan.make(
        document, loop.name, loop.runs + 1, through, loop.fed_through, until if loop.champion else None, search,
        known.champion,
    )  # fmt: skip
    last_event = known.dataset.get("last_event")
    at = through or (datetime.fromisoformat(last_event) if last_event else None)
    number = loop.runs + 1
    opened = decision(
        project=loop.project,
        loop=loop.name,
        kind="run.opened",
        subject=f"run {number}",
        outcome="opened",
        event_time=at,
        author=trigger.author,
        reason=f"Run {number} is opened: {trigger.reason}.",
        run=number,
        evidence={"cause": trigger.cause, "dataset_version": known.dataset["number"], **trigger.evidence},
    )
    cause = {"kind": trigger.cause, "reason": trigger.reason, "evidence": trigger.evidence}
    loop.seen_version, loop.seen_rows = known.dataset["number"], known.dataset["rows"]
    loop.opened_generation, loop.unanswered = loop.generation, None
    return await queries.add(session, loop, key, cause, made, at, opened)


async def by_hand(app: FastAPI, project: str, name: str, trigger: Trigger) -> Run:
    """Open a run for a person. Raises: NotFound, Conflict if one is in flight or there is no data."""
    async with app.state.readers() as session:
        loop = await loops.get(session, project, name)
        flight = await queries.in_flight(session, loop.id)
        key = key_of(loop.project, loop.name, loop.generation, trigger.cause, trigger.window)
        found = await queries.by_key(session, loop.id, key)
    if found is not None:
        return found
    if flight is not None:
        raise Conflict(f"{name} has run {flight.number} in flight ({flight.state}); wait for it.")
    known = await facts(app, loop)
    if known is None:
        raise Conflict(f"{name} has no data yet; push some with 'millrace data push {name} FILE'.")
    async with app.state.sessions.begin() as session:
        loop = await loops.get(session, project, name)
        run = await open_run(session, loop, trigger, known, clock(loop))
    app.state.wake.set()
    return run


def clock(loop: Loop) -> datetime | None:
    """Event time of a run that no closed day opens: as far as everything is decided."""
    return loop.settled_through if loop.document["spec"]["data"].get("eventTime") else None
