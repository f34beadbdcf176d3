"""Rows over HTTP, for backfills and backtests."""

import asyncio

import orjson
from fastapi import APIRouter, Request
from pydantic import ValidationError

from millrace_contracts.logged import LoggedRow, LoggedRows, LoggedRowsRead
from millrace_contracts.monitors import MonitorWrite
from millrace_core.auth import permit
from millrace_core.errors import BadInput, FieldError, Unavailable
from millrace_core.names import Name, Project
from millrace_monitoring.ingest import arrow, backfill
from millrace_monitoring.ingest.intake import Full
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import CurrentServices, Services

router = APIRouter(prefix="/v1/monitors", tags=["rows"])
STREAM = "application/vnd.apache.arrow.stream"
ROWS = {
    "type": "object",
    "required": ["rows"],
    "additionalProperties": False,
    "properties": {"rows": {"type": "array", "items": LoggedRow.model_json_schema(), "maxItems": 100_000}},
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": ROWS},
            STREAM: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post("/{endpoint}/predictions", dependencies=[permit("monitoring.logs.write")], openapi_extra=BODY)
async def push(
    endpoint: Name, project: Project, request: Request, services: CurrentServices
) -> LoggedRowsRead:
    """Store rows: JSON, or an Arrow IPC stream (`application/vnd.apache.arrow.stream`)."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    parse = arrow.of_stream if kind == STREAM else _of_json
    segment = await asyncio.to_thread(parse, project, endpoint, body, monitor.declared)
    if len(segment.table):
        await _offer(services, segment)
        services.ahead.pop((project, endpoint), None)
    return LoggedRowsRead(rows=len(segment.table))


def _of_json(project: str, endpoint: str, body: bytes, spec: MonitorWrite) -> Segment:
    try:
        rows = LoggedRows.model_validate(orjson.loads(body)).rows
    except orjson.JSONDecodeError as error:
        raise BadInput("The body is no JSON.") from error
    except ValidationError as error:
        errors = [
            FieldError(".".join(str(part) for part in item["loc"]), item["msg"])
            for item in error.errors()[:20]
        ]
        raise BadInput("The rows cannot be read; nothing was stored.", errors) from error
    return backfill.of_rows(project, endpoint, rows, spec)


async def _offer(services: Services, segment: Segment) -> None:
    try:
        await services.reception.now.intake.offer(segment)
    except Full as error:
        raise Unavailable("The queue is full; send the rows again.") from error
