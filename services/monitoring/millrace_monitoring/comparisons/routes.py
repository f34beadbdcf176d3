"""Revisions and versions side by side, over HTTP."""

import asyncio
from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import BadInput, FieldError
from millrace_core.names import Name, Project
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.preparing import table_of
from millrace_monitoring.closing.routes import Since, Until
from millrace_monitoring.closing.schemas import ArmsRead, ComparisonRead
from millrace_monitoring.comparisons import arms
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.monitors import queries as monitors

router = APIRouter(prefix="/v1/monitors", tags=["comparisons"])


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
    found = await queries.comparisons(session, project, endpoint, kind, since, until)
    return [ComparisonRead.model_validate(item) for item in found]


@router.get("/{endpoint}/arms", dependencies=[permit("monitoring.comparisons.read")])
async def evidence(
    endpoint: Name,
    project: Project,
    session: Session,
    request: Request,
    since: AwareDatetime,
    until: AwareDatetime,
    slow_ms: Annotated[float, Query(gt=0, le=1e6, description="A request that took longer is slow.")] = 250,
) -> ArmsRead:
    """How each revision did with the requests whose event time lies in [since, until)."""
    if since >= until:
        raise BadInput(
            "The span is empty.", [FieldError("query.until", "is not after since", "send a later instant")]
        )
    monitor = await monitors.get(session, project, endpoint)
    closed = await queries.spanning(session, project, endpoint, since, until)
    opened = await ingest.spanning(session, project, endpoint, since, until)
    days = [item.day for item in closed]
    paired = await queries.comparisons(session, project, endpoint, "mirrored", min(days, default=None), None)
    store = request.app.state.store
    files = [("day", await store.read(item.digest)) for item in closed]
    files += [("segment", await store.read(item.digest)) for item in opened]
    found = await asyncio.to_thread(_judge, monitor.spec["task"], files, since, until, slow_ms)
    labelled = [_labelled(item.item, item.day.isoformat()) for item in paired if item.day in days]
    found["mirrored"] |= {
        "labelled_days": sum(bool(item["labelled"]) for item in labelled),
        "days": labelled,
    }
    return ArmsRead(since=since, until=until, **found)


def _judge(
    task: str, files: list[tuple[str, bytes]], since: Any, until: Any, slow_ms: float
) -> dict[str, Any]:
    tables = [table_of(data) if kind == "day" else segments.load(data) for kind, data in files]
    span = segments.between(_together(tables), since, until)
    return arms.evidence(task, segments.unique(span), slow_ms)


def _together(tables: list[pa.Table]) -> pa.Table:
    """Only what arms are judged by; a closed day has labels."""
    names = [*segments.COLUMNS.names, "label"]
    if not tables:
        return segments.COLUMNS.empty_table()
    kept = [table.select([name for name in names if name in table.column_names]) for table in tables]
    return pa.concat_tables(kept, promote_options="default")


def _labelled(item: dict[str, Any], day: str) -> dict[str, Any]:
    return {"day": day} | item
