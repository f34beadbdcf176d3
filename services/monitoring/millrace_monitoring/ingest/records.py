"""One access-log record of the gateway as a Record: who asked what, when, and what was answered."""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from millrace_contracts.access import END, SHARED, Access
from millrace_contracts.instants import FIRST, LAST
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
REMEMBERED, LONGEST = 512, 2048
"""How many of the texts that records share are remembered, and how long they may be; clients write a part of them."""
NO_ANSWER = np.empty(0)


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
    predictions: np.ndarray = field(default_factory=lambda: NO_ANSWER)

    @property
    def rows(self) -> int:
        return len(self.predictions)

    @property
    def width(self) -> int:
        """Values of one row's answer: 1, or the number of classes."""
        return self.predictions.shape[1] if self.predictions.ndim == 2 and len(self.predictions) else 1


class Frame(NamedTuple):
    """What thousands of records share; *skipped*: a body was too large to log, *called*: the grpc-status of a call."""

    project: str
    endpoint: str
    revision: str
    listener: str
    status: int
    called: str
    skipped: bool
    request_length: str
    response_length: str


def record(access: Access, time_unix_nano: int) -> Record | None:
    """Read one log record; None when it names no endpoint, so that nobody could ever ask for it."""
    shared = access.shared
    frame = _remembered(shared) if len(shared) <= LONGEST else _frame(shared)
    if frame is None:
        return None
    at = _instant(time_unix_nano / NANO) or FIRST
    logged = Record(
        frame.project,
        frame.endpoint,
        frame.revision,
        frame.listener,
        access.request_id,
        _text(access.key, 256),
        _event_time(_text(access.event_time, 64)) or at,
        at,
        frame.status,
        _number(access.duration_ms, 0, 1e9),
    )
    logged.fault = _fault(logged, frame)
    if not logged.fault:
        _decode(logged, frame, access)
    return logged


def _frame(shared: str) -> Frame | None:
    told = dict(zip(SHARED, shared.split(END), strict=True))
    endpoint = _endpoint(told)
    if endpoint is None:
        return None
    called = _text(told["grpc_status"], 8)
    return Frame(
        project=_name(told["project"]) or "default",
        endpoint=endpoint,
        revision=_text(told["revision"], 80),
        listener="shadow" if told["listener"] == "shadow" else "inference",
        status=_status(told["status"], called),
        called=called,
        skipped=any(_text(told[name], 8) for name in ("request_skipped", "response_skipped")),
        request_length=told["request_json_length"],
        response_length=told["response_json_length"],
    )


_remembered = lru_cache(REMEMBERED)(_frame)


def _status(text: str, called: str) -> int:
    """The HTTP status; of a call that of its grpc-status, because an error over gRPC is HTTP 200."""
    status = int(_number(text, 0, 999))
    return GRPC_STATUS.get(called, 500) if called and status == 200 else status


def _fault(logged: Record, frame: Frame) -> str:
    if not SAFE.match(logged.request_id) or logged.request_id == "-":
        logged.request_id = ""
        return "undecodable"
    if logged.event_time > logged.at + FUTURE:
        logged.event_time = logged.at
        return "future"
    if logged.status != 200:
        return "http"
    return "skipped" if frame.skipped else ""


def _decode(logged: Record, frame: Frame, access: Access) -> None:
    try:
        features = _columns(access.request, frame.request_length, frame.called, "inputs")
        predictions = bodies.answer(_columns(access.response, frame.response_length, frame.called, "outputs"))
        if features.rows is not None and features.rows != len(predictions):
            raise bodies.Undecodable("the answer has another number of rows than the request")
        logged.features, logged.predictions = features, predictions
    except bodies.Undecodable:
        logged.fault = "undecodable"


def _columns(text: str, length: str, called: str, side: str) -> Columns:
    try:
        content = binascii.a2b_base64(text, strict_mode=True)
        head = int(length) if length.isascii() and length.isdigit() else None
    except ValueError as error:
        raise bodies.Undecodable("not base64, or a length of thousands of digits") from error
    return messages.columns(content, side) if called else bodies.columns(content, head, side)


def _endpoint(told: Mapping[str, str]) -> str | None:
    """The endpoint by its route, else by the revision's name `<endpoint>--r<number>`."""
    return _name(told["endpoint"]) or _name(told["revision"].rpartition("--r")[0])


def _name(text: str) -> str | None:
    return text if NAME.match(text) else None


def _text(value: str, limit: int) -> str:
    """A field's text; the gateway writes '-' for none."""
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
