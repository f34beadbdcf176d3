"""Revisions and versions side by side, over HTTP."""

import asyncio
import contextlib
from datetime import datetime
from typing import Annotated, Literal

import pyarrow as pa
from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from millrace_contracts.arms import ArmsRead, PairedDay
from millrace_contracts.closings import ComparisonRead
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import BadInput, FieldError, NotFound, Unavailable
from millrace_core.names import Name, Project
from millrace_monitoring.arms import evidence as arms
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.files import table_of
from millrace_monitoring.closing.routes import Since, Until
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.ingest.records import FIRST, LAST
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import CurrentServices, Services

router = APIRouter(prefix="/v1/monitors", tags=["comparisons"])
TRIES = 3


class NotFoundFile(Exception):
    """The file has been replaced since it was looked up."""


@router.get("/{endpoint}/comparisons", dependencies=[permit("monitoring.comparisons.read")])
async def comparisons(
    endpoint: Name,
    project: Project,
    session: Session,
    kind: Literal["mirrored", "archived"] | None = None,
    since: Since = None,
    until: Until = None,
) -> list[ComparisonRead]:
    """Pairs on the same rows, by closed day."""
    await monitors.get(session, project, endpoint)
    pairs = await queries.comparisons(session, project, endpoint, kind, since, until)
    return [ComparisonRead.model_validate(item) for item in pairs]


@router.get("/{endpoint}/arms", dependencies=[permit("monitoring.comparisons.read")])
async def evidence(
    endpoint: Name,
    project: Project,
    services: CurrentServices,
    since: AwareDatetime = FIRST,
    until: AwareDatetime = LAST,
    slow_ms: Annotated[float, Query(gt=0, le=1e6, description="A request that took longer is slow.")] = 250,
) -> ArmsRead:
    """How each revision did with the requests whose event time lies in [since, until)."""
    if since >= until:
        wrong = FieldError("query.until", "is not after since", "send a later instant")
        raise BadInput("The span is empty.", [wrong])
    for _ in range(TRIES):
        with contextlib.suppress(NotFoundFile):
            return await _evidence(services, project, endpoint, since, until, slow_ms)
    raise Unavailable("A day is closing; ask again.")


async def _evidence(
    services: Services, project: str, endpoint: str, since: datetime, until: datetime, slow_ms: float
) -> ArmsRead:
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        closed = await queries.spanning(session, project, endpoint, since, until)
        opened = await ingest.spanning(session, project, endpoint, since, until)
        days = [item.day for item in closed]
        paired = await queries.comparisons(
            session, project, endpoint, "mirrored", min(days, default=None), None
        )
    files = [await _read(services, item.digest) for item in closed if item.digest is not None]
    fresh = [await _read(services, item.digest) for item in opened]
    begin = max(since, monitor.closed_through or since)
    span = await asyncio.to_thread(_span, files, fresh, since, begin, until)
    answers = Answers.of(monitor.declared.task, monitor.declared.signature)
    labelled = [PairedDay(day=item.day, **item.item) for item in paired if item.day in days]
    return ArmsRead(
        since=since,
        until=until,
        revisions=await asyncio.to_thread(arms.revisions, answers, span, slow_ms),
        mirrored=await asyncio.to_thread(arms.mirrored, answers, span, labelled),
    )


async def _read(services: Services, digest: str) -> bytes:
    """A stored file; NotFoundFile when a closing day has just replaced it."""
    try:
        return await services.store.read(digest)
    except NotFound as error:
        raise NotFoundFile from error


def _span(
    closed: list[bytes], opened: list[bytes], since: datetime, begin: datetime, until: datetime
) -> pa.Table:
    """The rows in [since, until): of closed days from their files, later ones from the segments."""
    tables = [_judged(segments.between(table_of(data), since, until)) for data in closed]
    tables += [_judged(segments.between(segments.load(data), begin, until)) for data in opened]
    if not tables:
        return segments.joined([])
    return segments.unique(pa.concat_tables(tables, promote_options="default"))


def _judged(table: pa.Table) -> pa.Table:
    """Only what arms are judged by; a closed day has labels."""
    return table.select(
        [name for name in (*segments.COLUMNS.names, segments.VECTORS, "label") if name in table.column_names]
    )
