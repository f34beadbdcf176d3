"""One access-log record of the gateway as a Record: who asked what, when, and what was answered."""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from millrace_contracts.logged import FIRST, LAST
from millrace_monitoring.ingest import bodies, messages
from millrace_monitoring.ingest.bodies import Columns

FUTURE = timedelta(hours=1)
"""How far ahead of the request's start its event time may lie; beyond it the clock of the sender is wrong."""
FIRST_SECOND, LAST_SECOND = FIRST.timestamp(), LAST.timestamp()
NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")
SAFE = re.compile(r"^[\x21-\x7e]{1,128}$")
NANO = 10**9
GRPC_STATUS = {
    "0": 200, "1": 499, "3": 400, "4": 504, "5": 404, "6": 409, "7": 403, "8": 429, "9": 400, "10": 409, "11": 400,
    "12": 501, "14": 503, "16": 401,
}  # fmt: skip
"""The HTTP status of each grpc-status, as google.rpc.Code pairs them; 500 of all others."""
NO_COLUMNS = Columns()


@dataclass(slots=True)
class Record:
    """A request to one revision; *fault* says why it has no rows ('' when it has).

    *predictions* have the shape (rows,), or (rows, classes).

    Faults: `http` (an error was answered), `skipped` (body too large to log), `undecodable`, `future`.
    """

    project: str
    endpoint: str
    revision: str
    listener: str
    request_id: str
    key: str
    event_time: datetime
    at: datetime
    status: int
    duration_ms: float
    fault: str = ""
    features: Columns = NO_COLUMNS
    predictions: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def rows(self) -> int:
        return len(self.predictions)

    @property
    def width(self) -> int:
        """Values of one row's answer: 1, or the number of classes."""
        return self.predictions.shape[1] if self.predictions.ndim == 2 and len(self.predictions) else 1


def record(attributes: Mapping[str, str], time_unix_nano: int) -> Record | None:
    """Read one log record; None when it names no endpoint, so that nobody could ever ask for it."""
    endpoint = _endpoint(attributes)
    if endpoint is None:
        return None
    at = _instant(time_unix_nano / NANO) or FIRST
    logged = Record(
        project=_name(attributes.get("project", "")) or "default",
        endpoint=endpoint,
        revision=_text(attributes, "revision", 80),
        listener="shadow" if attributes.get("listener") == "shadow" else "inference",
        request_id=attributes.get("request_id", ""),
        key=_text(attributes, "key", 256),
        event_time=_event_time(_text(attributes, "event_time", 64)) or at,
        at=at,
        status=_status(attributes),
        duration_ms=_number(attributes.get("duration_ms", ""), 0, 1e9),
    )
    logged.fault = _fault(logged, attributes)
    if not logged.fault:
        _decode(logged, attributes)
    return logged


def _status(attributes: Mapping[str, str]) -> int:
    """The HTTP status; of a call that of its grpc-status, because an error over gRPC is HTTP 200."""
    status = int(_number(attributes.get("status", ""), 0, 999))
    called = _called(attributes)
    return GRPC_STATUS.get(called, 500) if called and status == 200 else status


def _fault(logged: Record, attributes: Mapping[str, str]) -> str:
    if not SAFE.match(logged.request_id) or logged.request_id == "-":
        logged.request_id = ""
        return "undecodable"
    if logged.event_time > logged.at + FUTURE:
        logged.event_time = logged.at
        return "future"
    if logged.status != 200:
        return "http"
    skipped = (_text(attributes, "request_skipped", 8), _text(attributes, "response_skipped", 8))
    return "skipped" if any(skipped) else ""


def _decode(logged: Record, attributes: Mapping[str, str]) -> None:
    try:
        features = _columns(attributes, "request", "inputs")
        predictions = bodies.answer(_columns(attributes, "response", "outputs"))
        if features.rows is not None and features.rows != len(predictions):
            raise bodies.Undecodable("the answer has another number of rows than the request")
        logged.features, logged.predictions = features, predictions
    except bodies.Undecodable:
        logged.fault = "undecodable"


def _columns(attributes: Mapping[str, str], body: str, side: str) -> Columns:
    content, length = _body(attributes, body)
    if _called(attributes):
        return messages.columns(content, side)
    return bodies.columns(content, length, side)


def _called(attributes: Mapping[str, str]) -> str:
    """The grpc-status of a call over gRPC; '' of a request over REST."""
    return _text(attributes, "grpc_status", 8)


def _body(attributes: Mapping[str, str], side: str) -> tuple[bytes, int | None]:
    length = attributes.get(f"{side}_json_length", "")
    try:
        body = binascii.a2b_base64(attributes.get(side, ""), strict_mode=True)
        return body, int(length) if length.isascii() and length.isdigit() else None
    except ValueError as error:
        raise bodies.Undecodable("not base64, or a length of thousands of digits") from error


def _endpoint(attributes: Mapping[str, str]) -> str | None:
    """The endpoint by its route, else by the revision's name `<endpoint>--r<number>`."""
    given = _name(attributes.get("endpoint", ""))
    return given or _name(attributes.get("revision", "").rpartition("--r")[0])


def _name(text: str) -> str | None:
    return text if NAME.match(text) else None


def _text(attributes: Mapping[str, str], key: str, limit: int) -> str:
    """An attribute's text; the gateway writes '-' for none."""
    value = attributes.get(key, "")
    return "" if value == "-" else value[:limit]


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(max(value, low), high) if value == value else 0.0


def _event_time(text: str) -> datetime | None:
    """ISO 8601 with an offset, or milliseconds since 1970; None when it is neither."""
    if text.isascii() and text.isdigit():
        return _instant(int(text) / 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or not FIRST <= moment < LAST:
        return None
    return moment.astimezone(UTC)


def _instant(seconds: float) -> datetime | None:
    if not FIRST_SECOND <= seconds < LAST_SECOND:
        return None
    return FIRST + timedelta(microseconds=round(seconds * 1e6))
