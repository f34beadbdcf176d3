"""The page of a loop's data, and refused deliveries as they came."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from millrace.aio import AsyncMillrace
from millrace.quarantine import dataset_of
from millrace_console.asking import Asked
from millrace_console.data import profiles, rules
from millrace_console.data.freshness import freshness
from millrace_console.declared import spec_of
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import EntryIn, LoopIn, ProjectIn, frame
from millrace_console.refusals import report
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.bodies import Document, Page
from millrace_contracts.datasets import DatasetRead, DatasetVersionRead, QuarantineRead, QuarantineState

router = APIRouter(include_in_schema=False, dependencies=[look()])
VERSIONS, ENTRIES = 12, 20
SHOWN = 300
"""Columns whose profile is shown."""
STATES: dict[QuarantineState, str] = {
    "waiting": "waiting for a person",
    "accepted": "accepted",
    "dropped": "dropped",
}


@router.get("/p/{project}/loops/{loop}/data")
async def data(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    person: CurrentPerson,
    services: CurrentServices,
    show: QuarantineState = "waiting",
    before: Annotated[str, Query(max_length=512)] = "",
    upto: Annotated[
        int | None, Query(ge=1, lt=2**31, description="The newest version that is listed.")
    ] = None,
    of: Annotated[
        int | None, Query(ge=1, lt=2**31, description="The version whose profile is shown.")
    ] = None,
) -> Response:
    """Contract, freshness, versions and quarantine of the dataset that a loop learns from, of each list one page."""
    asked = Asked(services.settings.answer_seconds)
    registry = person.clients.registry
    found = await asked.must("controller", person.clients.controller.loop(loop, project=project))
    name = dataset_of(found)
    dataset, refused, around = await asyncio.gather(
        asked.of("registry", _dataset(person.clients, project, name), None),
        asked.of(
            "registry",
            registry.quarantine_page(name, show, before or None, ENTRIES, project=project),
            Page[QuarantineRead](items=[], next=None),
        ),
        frame(person, asked, project, "loops", loop),
    )
    latest = dataset.latest if dataset is not None else 0
    first, profiled = min(upto or latest, latest), of if of is not None and of <= latest else latest
    listed = range(first, max(0, first - VERSIONS), -1)
    by_number = await _versions(asked, person.clients, project, name, {*listed, latest, profiled} - {0})
    versions = [by_number[number] for number in listed if number in by_number]
    newest, chosen = by_number.get(latest), by_number.get(profiled)
    shown = {
        "it": found,
        "dataset": name,
        "versions": versions,
        "newest": newest,
        "columns": columns(newest),
        "fresh": freshness(spec_of(found), found.source, newest, found.settled_through, datetime.now(UTC)),
        "chosen": chosen,
        "profile": profiles.columns(chosen)[:SHOWN],
        "profiled": profiles.rows_of(chosen),
        "older": versions[-1].number - 1 if versions else 0,
        "asked": {"show": show, "before": before, "upto": upto, "of": of},
        "refused": [(item, report(item).explained()) for item in refused.items],
        "next": refused.next,
        "before": before,
        "show": show,
        "states": STATES,
        "source": found.source,
    }
    return page(request, "data.html", around | shown)


async def _dataset(clients: AsyncMillrace, project: str, name: str) -> DatasetRead | None:
    return await clients.registry.dataset(name, project=project)


async def _versions(
    asked: Asked, clients: AsyncMillrace, project: str, dataset: str, numbers: set[int]
) -> dict[int, DatasetVersionRead]:
    """Versions of a dataset by number, each asked for once; without those that the registry does not tell."""
    found = await asyncio.gather(
        *(asked.of("registry", _version(clients, project, dataset, number), None) for number in numbers)
    )
    return {item.number: item for item in found if item is not None}


async def _version(
    clients: AsyncMillrace, project: str, dataset: str, number: int
) -> DatasetVersionRead | None:
    return await clients.registry.dataset_version(dataset, number, project=project)


def columns(version: DatasetVersionRead | None) -> list[dict[str, object]]:
    """Each column with its type, what the contract says of it, and whether a person said so or it was guessed."""
    if version is None:
        return []
    grown, said = _by_name(version.contract), _by_name(version.declared)
    return [
        {
            "name": item.name,
            "type": item.type,
            "rules": rules.told(grown.get(item.name, {})),
            "said": "" if said.get(item.name, {}).get("guessed") else rules.told(said.get(item.name, {})),
            "guessed": bool(grown.get(item.name, {}).get("guessed", item.name not in said)),
        }
        for item in version.data_schema
    ]


def _by_name(contract: Document | None) -> dict[str, Document]:
    told = (contract or {}).get("columns")
    if isinstance(told, dict):
        return {str(name): item for name, item in told.items() if isinstance(item, dict)}
    listed = told if isinstance(told, list) else []
    return {str(item.get("name")): item for item in listed if isinstance(item, dict)}


@router.get("/p/{project}/quarantine/{entry}/file")
async def download(
    project: ProjectIn, entry: EntryIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """A refused delivery as it came: a file to keep, never a page to show."""
    asked = Asked(services.settings.answer_seconds)
    registry = person.clients.registry
    found = await asked.must("registry", registry.refused(entry, project=project))
    await asked.must("registry", registry.check_artifact(found.artifact, project=project))
    named = f'attachment; filename="refused-{entry}.bin"'
    return StreamingResponse(
        _bytes(person.clients, project, found.artifact),
        media_type="application/octet-stream",
        headers={"content-disposition": named},
    )


async def _bytes(clients: AsyncMillrace, project: str, digest: str) -> AsyncIterator[bytes]:
    async for piece in clients.registry.artifact_chunks(digest, project=project):
        yield piece
