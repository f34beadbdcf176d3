"""The rows of one request, among the open segments and in closed days."""

import asyncio
import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace_contracts.audit import AuditedRequest, AuditedRow, RowLabel
from millrace_contracts.bodies import Document
from millrace_contracts.signature import Signature
from millrace_core.errors import NotFound, Unavailable
from millrace_monitoring.ingest import cells, segments
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest.records import FIRST, LAST
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.newcomers import queries as newcomers
from millrace_monitoring.pushes import queries as pushes
from millrace_monitoring.requests import queries
from millrace_monitoring.services import Services

TOLD = ("index", "event_time", "at", "listener", "revision", "key", "status", "fault")
FEATURE = ("number:", "exact:", "integer:", "text:", "tensor:")


TRIES = 3
"""Times that rows are looked for which are put into other files meanwhile."""


async def find(services: Services, project: str, endpoint: str, request: str) -> AuditedRequest:
    """Everything that is kept of *request*. Raises: NotFound if no row of it is; Unavailable if that is not known."""
    for _ in range(TRIES):
        try:
            return await _find(services, project, endpoint, request)
        except _Moved as error:
            moved = str(error)
    raise Unavailable(f"Rows of {endpoint} are not where they were kept ({moved[:200]}). Ask again.")


class _Moved(Exception):
    """A file was merged, or its day was closed, since it was listed."""


async def _find(services: Services, project: str, endpoint: str, request: str) -> AuditedRequest:
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        opened = [item.digest for item in await ingest.spanning(session, project, endpoint, FIRST, LAST)]
        closed = await queries.days(session, project, endpoint)
        signature = monitor.declared.signature
        labels = await _labels(session, project, endpoint, request, signature)
    places = [*((digest, None) for digest in opened[::-1]), *closed]
    for digest, day in places:
        try:
            data = await services.store.read(digest)
        except NotFound as error:
            raise _Moved(str(error)) from error
        found = await asyncio.to_thread(_rows, data, day is None, request, signature)
        if found:
            rows = [_read(*row, digest, day, labels.get(row[0]["index"])) for row in found]
            return AuditedRequest(
                endpoint=endpoint,
                request_id=request,
                classes=None if signature.classes is None else list(signature.classes),
                rows=rows,
            )
    raise NotFound(
        f"No row of the request {request} to {endpoint} is kept: it never came, or is older than the policy keeps rows."
    )


def _rows(data: bytes, is_open: bool, request: str, signature: Signature) -> list[tuple[Document, Document]]:
    """The rows of a request in one file: their facts, and what was sent in each, by data column."""
    table = segments.load(data) if is_open else pq.read_table(pa.BufferReader(data))
    mine = table.filter(pc.equal(table["request_id"], request))
    facts = mine.to_pylist()
    own = {segments.column(item) for item in signature.inputs}
    rows = [
        (fact, _others(fact, own) | columns)
        for fact, columns in zip(facts, cells.sent(mine, signature.inputs), strict=True)
    ]
    return sorted(rows, key=lambda row: (row[0]["index"], row[0]["listener"]))


def _others(row: Document, own: set[str]) -> Document:
    """What was sent besides the inputs of today's signature, by the tensor's name: an earlier model knew it."""
    return {
        name.partition(":")[2]: cells.shortest(value) if name.startswith("number:") else value
        for name, value in row.items()
        if name.startswith(FEATURE) and name not in own and value is not None
    }


def _read(
    row: Document, features: Document, digest: str, day: str | None, label: RowLabel | None
) -> AuditedRow:
    facts = {name: row.get(name) for name in TOLD}
    facts |= {
        "listener": row.get("listener") or "",
        "key": row.get("key") or "",
        "status": row.get("status") or 0,
    }
    return AuditedRow.model_validate(
        facts
        | {"features": features, "answer": _answer(row), "label": label, "kept_in": digest, "closed_day": day}
    )


def _answer(row: Document) -> Any:
    vector, number = row.get(segments.VECTORS), row.get("prediction")
    if vector:
        return [cells.shortest(value) for value in vector]
    return None if number is None or math.isnan(number) else cells.shortest(number)


async def _labels(
    session: Any, project: str, endpoint: str, request: str, signature: Signature
) -> dict[int, RowLabel]:
    found = await pushes.pushed_with(session, project, endpoint, request)
    who = await pushes.who(session, sorted({push for *_, push in found if push is not None}))
    classes = signature.classes
    names = await newcomers.names_of(session, project, endpoint, {value for _, value, *_ in found})
    told = {}
    for index, value, at, push in found:
        by, when = who.get(push or 0, (None, None))
        shown = names.get(value, classes[int(value)] if classes and value >= 0 else value)
        told[index] = RowLabel(value=shown, at=at, pushed_by=by, pushed_at=when)
    return told
