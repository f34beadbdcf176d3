"""One request through the gateway, as clients send it, and its answer by the signature of who answered."""

from datetime import datetime

import numpy as np
import orjson

from millrace import oip
from millrace_contracts.predictions import PredictionRequest
from millrace_core.errors import BadInput, Forbidden, MillraceError, TooLarge, TooMany, Unavailable
from millrace_core.log import new_request_id, request_id
from millrace_serving.lines import Answer, Lines, NoAnswer
from millrace_serving.predictions.packing import Packed
from millrace_serving.triton.tensors import Columns

REFUSALS: dict[int, type[MillraceError]] = {403: Forbidden, 413: TooLarge, 429: TooMany}
Outputs = dict[str, np.ndarray]


def packed(asked: Packed) -> tuple[bytes, dict[str, str]]:
    """The body of a request, and its headers, in the packed form; what has a shape is sent by itself."""
    together = [(item.datatype, item.names, item.rows, item.raw()) for item in asked if not item.shape]
    shaped = ((item, [item.rows, *item.shape]) for item in asked if item.shape)
    alone = [(item.names[0], item.datatype, shape, item.raw()) for item, shape in shaped]
    return oip.packed(together, alone=alone)


def columns(asked: Packed) -> Columns:
    """The same values, a tensor for each column."""
    return {name: tensor for item in asked for name, tensor in item.columns().items()}


async def ask(
    gateway: Lines,
    path: str,
    sent: tuple[bytes, dict[str, str]],
    frame: PredictionRequest,
    moment: datetime,
    key: str = "",
) -> Answer:
    """*key*: what whoever asks has shown, so that its limits hold; empty: serving asks in its own name.

    Raises: BadInput, TooLarge, TooMany, Forbidden in the gateway's own words; Unavailable.
    """
    content, headers = sent
    headers["x-request-id"] = request_id() or new_request_id()
    headers["x-millrace-event-time"] = moment.isoformat()
    if key:
        headers["authorization"] = f"Bearer {key}"
    if frame.key is not None:
        headers["x-millrace-key"] = frame.key
    try:
        answer = await gateway.post(path, content, headers)
    except NoAnswer as error:
        raise Unavailable(f"The gateway does not answer ({error}).") from error
    if answer.status == 401:
        raise Unavailable("The gateway does not know this caller yet, or no more; try again.")
    if 400 <= answer.status < 500:
        raise _refusal(answer)
    if not 200 <= answer.status < 300:
        raise Unavailable(f"The gateway answers {answer.status}; try again.")
    return answer


def _refusal(answer: Answer) -> MillraceError:
    """In the gateway's own words, if it has any."""
    try:
        words = str(orjson.loads(answer.content)["error"])[:1000]
    except (ValueError, TypeError, KeyError):
        words = "The model refuses these rows."
    return REFUSALS.get(answer.status, BadInput)(words)


def outputs(answer: Answer) -> Outputs:
    """The tensors of an answer by name."""
    return oip.decode(answer.content, int(answer.headers.get(oip.HEADER_LENGTH, 0)) or None)
