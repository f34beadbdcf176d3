"""POST a request that Triton has refused: the gateway asks why, and answers with these words."""

import binascii

from fastapi import APIRouter, Request, Response

from millrace_contracts.signature import Signature
from millrace_core.auth import permit
from millrace_core.errors import BadInput, MillraceError, NotFound, TooLarge
from millrace_serving.refusals import faults, messages
from millrace_serving.revisions import queries
from millrace_serving.revisions.wire import parts, signature
from millrace_serving.services import CurrentServices, Services

router = APIRouter(prefix="/v1/gateway", tags=["gateway"], include_in_schema=False)
LENGTH = "x-millrace-json-length"
GRPC = "x-millrace-grpc"
"""Says that the body is a message over gRPC."""


class Misfit(MillraceError):
    """A request that does not fit the model, in the status that the Open Inference Protocol has for it."""

    status, title = 400, "The request does not fit the model"


@router.post("/refusals/{revision}", dependencies=[permit("serving.refusals.read")], status_code=204)
async def refusal(revision: str, request: Request, services: CurrentServices) -> Response:
    """400 or 413 with the mistakes of a request, base64 in the body; 204 when it fits the *revision*.

    The answer also has the `error` that clients of the Open Inference Protocol look for. About a message over gRPC the
    answer is its grpc-message alone.
    """
    asked = await _signature(services, revision)
    if GRPC in request.headers:
        words = messages.of_message(
            await _body(request), asked, services.settings.max_batch_rows, _packs(services, revision)
        )
        return Response(words, 400, media_type="text/plain") if words else Response(status_code=204)
    length = request.headers.get(LENGTH, "")
    body = await _body(request)
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 10 else 0
    try:
        errors = faults.of_request(
            body, size, asked, services.settings.max_batch_rows, _packs(services, revision)
        )
    except faults.TooManyRows as error:
        raise TooLarge(str(error), error=str(error), limit=services.settings.max_batch_rows) from error
    if errors:
        detail = messages.worded(errors[0])
        raise Misfit(detail, errors, error=detail)
    return Response(status_code=204)


def _packs(services: Services, revision: str) -> bool:
    return services.plane is not None and services.plane.packs([revision])


async def _body(request: Request) -> bytes:
    try:
        return binascii.a2b_base64(await request.body())
    except ValueError as error:
        raise BadInput("The body is not base64.") from error


async def _signature(services: Services, name: str) -> Signature:
    project, endpoint, number = parts(name)
    async with services.readers() as session:
        stored = await queries.get(session, project, endpoint)
        if number is None:
            raise NotFound(f"There is no revision {name[:200]}.")
        return signature(await queries.revision(session, stored, number))
