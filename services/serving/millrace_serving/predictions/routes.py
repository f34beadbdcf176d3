"""POST rows of JSON, get predictions: through the same gateway as everyone else, so it is split and logged."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from millrace import oip
from millrace_contracts.names import PATTERN
from millrace_contracts.predictions import PredictionAnswer, PredictionRequest, PredictionWarning
from millrace_core.database import utcnow
from millrace_core.errors import MillraceError, TooLarge
from millrace_core.names import Project
from millrace_serving.callers import EndpointName
from millrace_serving.lines import Answer
from millrace_serving.predictions import answers, asking, explaining, requests, rows, unseen
from millrace_serving.predictions.admission import KeyOrPermit, shown_key
from millrace_serving.predictions.packing import Packed, Packer
from millrace_serving.predictions.requests import Asked
from millrace_serving.revisions.standing import Answering, Standing
from millrace_serving.services import CurrentServices, Services
from millrace_serving.triton.tensors import Columns

MAY = KeyOrPermit("serving.predictions.write")
PLAIN = re.compile(PATTERN).fullmatch


class Direct(APIRoute):
    """A route whose function is called straight away where all that it takes is plain: to work that out anew for each
    request costs more than the request. What is not plain goes FastAPI's way, which says what is wrong."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Who asks and what they ask for are looked at as on every other way; errors go to the handlers of the app."""
        request = Request(scope, receive, send)
        endpoint, project = scope["path_params"]["endpoint"], "default"
        if scope["query_string"]:
            project = request.query_params.get("project", project)
        if scope["method"] != "POST" or not (PLAIN(endpoint) and PLAIN(project)):
            return await super().handle(scope, receive, send)
        await MAY(request)
        answer = await predict(endpoint, request, project, cast(Services, request.app.state.services))
        await answer(scope, receive, send)


router = APIRouter(prefix="/v1/endpoints", tags=["predictions"], route_class=Direct)
JSON = {"application/json": {"schema": PredictionRequest.model_json_schema()}}
EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Whether to tell what each input contributes, of ten rows at most.",
}
Warned = tuple[int | None, list[PredictionWarning] | None]


@router.post(
    "/{endpoint}:predict",
    dependencies=[Depends(MAY)],
    response_model=PredictionAnswer,
    openapi_extra={"requestBody": {"required": True, "content": JSON}, "parameters": [EXPLAIN]},
)
async def predict(
    endpoint: EndpointName, request: Request, project: Project, services: CurrentServices
) -> Response:
    """Predict rows with the revision that the split chooses; it is its signature that says what was answered."""
    asked = await requests.read(request)
    _check_size(len(asked.rows), services.settings.max_batch_rows)
    explain = bool(request.scope["query_string"]) and explaining.is_asked(
        request.query_params.get("explain"), len(asked.rows)
    )
    standing = await services.standings.of(services.readers, project, endpoint)
    sent, warned = await _typed(services, standing, asked)
    moment = _moment(asked.frame.event_time, standing.timezone)
    key = shown_key(request)
    answer = await asking.ask(services.gateway, standing.path, sent, asked.frame, moment, key)
    name = answer.headers.get("x-millrace-revision", "")
    if name not in standing.revisions:
        with suppress(MillraceError):
            standing = await services.standings.anew(services.readers, project, endpoint)
    told = _told(answer, name, standing, warned)
    if explain:
        version, shown = standing.revisions.get(name), cast(list[float | None], told["predictions"])
        told["explanations"], told["not_explained"] = await explaining.explained(
            services.clients,
            project,
            endpoint,
            None if version is None else version.version,
            asked.rows,
            [value is not None for value in shown],
        )
    return Response(orjson.dumps(told), media_type="application/json")


def _check_size(rows: int, limit: int) -> None:
    if rows > limit:
        words = f"The request has {rows} rows; one request may have {limit}: send it in parts."
        raise TooLarge(words, limit=limit)


async def _typed(
    services: Services, standing: Standing, asked: Asked
) -> tuple[tuple[bytes, dict[str, str]], Warned]:
    """What is sent for the rows, and what is to be warned of. Raises: RequestValidationError; BadInput."""
    packer = _packer(standing.stable)
    packs = packer.packs and services.running().packs(standing.loaded)
    plain = packer.pack(asked.rows)
    if plain is None or not packs:
        given = (
            rows.columns(asked.checked().rows, standing.stable.signature)
            if plain is None
            else asking.columns(plain)
        )
        return (oip.pack if packs else oip.encode)(given), await _unseen(services, standing, asked, given)
    return asking.packed(plain), await _unseen(services, standing, asked, plain)


@lru_cache(256)
def _packer(stable: Answering) -> Packer:
    return Packer(stable.signature)


async def _unseen(services: Services, standing: Standing, asked: Asked, sent: Columns | Packed) -> Warned:
    if not asked.frame.warn:
        return None, None
    stable = standing.stable
    spec = await services.seen.of(services.clients, standing.project, standing.model, stable.version)
    columns = sent if isinstance(sent, dict) else asking.columns(sent)
    return unseen.warnings(columns, stable.signature, spec)


def _moment(given: datetime | None, timezone: str) -> datetime:
    """The event time in UTC: now if none is given; one without an offset is in the endpoint's zone."""
    if given is None:
        return utcnow()
    return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)


def _told(answer: Answer, name: str, standing: Standing, warned: Warned) -> dict[str, object]:
    """The fields of a PredictionAnswer."""
    answering = standing.revisions.get(name)
    signature = (answering or standing.stable).signature
    answered = answers.read(asking.outputs(answer), signature, standing.review)
    return {
        "request_id": answer.headers.get("x-request-id", ""),
        "revision": name,
        "version": None if answering is None else answering.version,
        "predictions": answered.predictions,
        "classes": answered.classes,
        "probabilities": answered.probabilities,
        "needs_review": answered.needs_review,
        "withheld": answered.withheld,
        "explanations": None,
        "not_explained": None,
        "unseen": warned[0],
        "warnings": warned[1] and [warning.model_dump() for warning in warned[1]],
    }
