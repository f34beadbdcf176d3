"""POST rows of JSON, get predictions: through the same gateway as everyone else, so it is split and logged."""

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import orjson
from fastapi import APIRouter

from millrace import oip
from millrace_contracts.predictions import PredictionAnswer, PredictionRequest, PredictionWarning
from millrace_core.auth import permit
from millrace_core.database import utcnow
from millrace_core.errors import BadInput, Conflict, MillraceError, TooLarge, Unavailable
from millrace_core.log import request_id
from millrace_core.names import Project
from millrace_serving.callers import EndpointName
from millrace_serving.predictions import answers, rows, unseen
from millrace_serving.revisions import queries
from millrace_serving.revisions.wire import revision_name, signature, wire_name
from millrace_serving.services import CurrentServices, Services
from millrace_serving.tables import Endpoint, Revision
from millrace_serving.triton.tensors import Columns

router = APIRouter(prefix="/v1/endpoints", tags=["predictions"])


@router.post(
    "/{endpoint}:predict", dependencies=[permit("serving.predictions.write")], response_model=PredictionAnswer
)
async def predict(
    endpoint: EndpointName, body: PredictionRequest, project: Project, services: CurrentServices
) -> PredictionAnswer:
    """Predict rows with the revision that the split chooses; it is its signature that says what was answered."""
    _check_size(len(body.rows), services.settings.max_batch_rows)
    async with services.readers() as session:
        stored = await queries.get(session, project, endpoint)
        if stored.mode != "live" or stored.stable is None:
            raise Conflict(f"The endpoint {endpoint} serves no revision yet.")
        stable = await queries.revision(session, stored, stored.stable)
        revisions = {
            revision_name(r.project, r.endpoint, r.number): r
            for r in await queries.revisions(session, stored)
        }
    path = f"/v2/models/{wire_name(project, endpoint)}/infer"
    asked = rows.columns(body.rows, signature(stable))
    fresh = await _unseen(services, stored, stable, asked) if body.warn else (None, None)
    moment = _moment(body.event_time, stored.timezone)
    answer = await _ask(services.gateway, path, body, asked, moment)
    name = answer.headers.get("x-millrace-revision", "")
    answering = revisions.get(name)
    answered = answers.read(_outputs(answer), signature(answering or stable))
    return PredictionAnswer(
        request_id=answer.headers.get("x-request-id", ""),
        revision=name,
        version=None if answering is None else answering.version,
        predictions=answered.predictions,
        classes=answered.classes,
        probabilities=answered.probabilities,
        unseen=fresh[0],
        warnings=fresh[1],
    )


def _check_size(rows: int, limit: int) -> None:
    if rows > limit:
        words = f"The request has {rows} rows; one request may have {limit}: send it in parts."
        raise TooLarge(words, limit=limit)


async def _unseen(
    services: Services, stored: Endpoint, stable: Revision, asked: Columns
) -> tuple[int, list[PredictionWarning]]:
    spec = await services.seen.of(services.clients, stored.project, stored.model, stable.version)
    return unseen.warnings(asked, signature(stable), spec)


def _moment(given: datetime | None, timezone: str) -> datetime:
    """The event time in UTC: now if none is given; one without an offset is in the endpoint's zone."""
    if given is None:
        return utcnow()
    return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)


async def _ask(
    gateway: httpx.AsyncClient, path: str, body: PredictionRequest, asked: Columns, moment: datetime
) -> httpx.Response:
    content, headers = oip.encode(asked)
    headers["x-request-id"] = request_id() or uuid.uuid4().hex
    headers["x-millrace-event-time"] = moment.isoformat()
    if body.key is not None:
        headers["x-millrace-key"] = body.key
    try:
        answer = await gateway.post(path, content=content, headers=headers)
    except httpx.HTTPError as error:
        raise Unavailable(f"The gateway does not answer ({type(error).__name__}).") from error
    if 400 <= answer.status_code < 500:
        raise _refusal(answer)
    if not answer.is_success:
        raise Unavailable(f"The gateway answers {answer.status_code}; try again.")
    return answer


def _refusal(answer: httpx.Response) -> MillraceError:
    """In the gateway's own words, if it has any."""
    try:
        words = str(orjson.loads(answer.content)["error"])[:1000]
    except (ValueError, TypeError, KeyError):
        words = "The model refuses these rows."
    return TooLarge(words) if answer.status_code == 413 else BadInput(words)


def _outputs(answer: httpx.Response) -> dict[str, np.ndarray]:
    return oip.decode(answer.content, int(answer.headers.get(oip.HEADER_LENGTH, 0)) or None)
