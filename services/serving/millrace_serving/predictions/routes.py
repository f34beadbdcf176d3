"""POST rows of JSON, get predictions: through the same gateway as everyone else, so it is split and logged."""

import uuid
from typing import Any

import httpx
import numpy as np
from fastapi import APIRouter, Request

from millrace import oip
from millrace_core.auth import permit
from millrace_core.database import utcnow
from millrace_core.errors import BadInput, Conflict, Unavailable
from millrace_core.log import request_id
from millrace_core.names import Project
from millrace_serving.endpoints.routes import EndpointName
from millrace_serving.predictions import rows
from millrace_serving.predictions.schemas import Answer, Question
from millrace_serving.revisions import queries
from millrace_serving.revisions.wire import revision_name, wire_name

router = APIRouter(prefix="/v1/endpoints", tags=["predictions"])


@router.post("/{endpoint}:predict", dependencies=[permit("serving.predictions.write")], response_model=Answer)
async def predict(
    endpoint: EndpointName, body: Question, project: Project, request: Request
) -> dict[str, Any]:
    """Predict rows with the revision that the split chooses."""
    async with request.app.state.readers() as session:
        found = await queries.get(session, project, endpoint)
        if found.mode != "live" or found.stable is None:
            raise Conflict(f"The endpoint {endpoint} serves no revision yet.")
        signature = (await queries.revision(session, found, found.stable)).signature
        versions = {
            revision_name(r.project, r.endpoint, r.number): r.version
            for r in await queries.revisions(session, found)
        }
    answer = await _ask(request, f"/v2/models/{wire_name(project, endpoint)}/infer", body, signature)
    name = answer.headers.get("x-millrace-revision", "")
    return {
        "request_id": answer.headers.get("x-request-id", ""),
        "revision": name,
        "version": versions.get(name),
        "predictions": _predictions(answer, signature["outputs"][0]["name"]),
    }


async def _ask(request: Request, path: str, body: Question, signature: dict[str, Any]) -> httpx.Response:
    content, headers = oip.encode(rows.columns(body.rows, signature))
    headers["x-request-id"] = request_id() or uuid.uuid4().hex
    headers["x-millrace-event-time"] = (body.event_time or utcnow()).isoformat()
    if body.key is not None:
        headers["x-millrace-key"] = body.key
    try:
        answer: httpx.Response = await request.app.state.gateway.post(path, content=content, headers=headers)
    except httpx.HTTPError as error:
        raise Unavailable(f"The gateway does not answer ({type(error).__name__}).") from error
    if answer.status_code in (400, 413):
        raise BadInput("The model refuses these rows.")
    if not answer.is_success:
        raise Unavailable(f"The gateway answers {answer.status_code}; try again.")
    return answer


def _predictions(answer: httpx.Response, output: str) -> list[float | None]:
    length = int(answer.headers.get(oip.HEADER_LENGTH, 0)) or None
    values = oip.decode(answer.content, length)[output]
    return [float(value) if np.isfinite(value) else None for value in values]
