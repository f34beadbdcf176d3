"""One record of the gateway's prediction log, as it travels: a text with a line for each field.

No field can hold the end of a line: Envoy refuses it in what clients write into headers, bodies are base64, the rest is
Envoy's own; a field that is missing reads "-". First comes what differs from record to record, then what thousands of
records share, so that a reader takes it as one text that it knows already, and the bodies last.
"""

from collections.abc import Mapping
from typing import NamedTuple

OWN = ("request_id", "key", "event_time", "duration_ms")
SHARED = (
    "project",
    "endpoint",
    "revision",
    "listener",
    "status",
    "grpc_status",
    "flags",
    "details",
    "request_skipped",
    "response_skipped",
    "request_json_length",
    "response_json_length",
)
BODIES = ("request", "response")
FIELDS = OWN + SHARED + BODIES
"""Fields in the order of their lines."""
END = "\n"
EXPORT_SECONDS = 5.0
"""How long a gateway waits until records that it sent are told to be durable; later they count as lost."""


class Access(NamedTuple):
    """The fields of a record; *shared* are those of SHARED, still one text."""

    request_id: str
    key: str
    event_time: str
    duration_ms: str
    shared: str
    request: str
    response: str


def written(values: Mapping[str, str]) -> str:
    """The text of a record; what *values* lack is "-"."""
    return END.join([values.get(name, "-") for name in FIELDS])


def read(text: str) -> Access | None:
    """The fields of *text*; None where it is no such record."""
    if text.count(END) != len(FIELDS) - 1:
        return None
    request_id, key, event_time, duration_ms, rest = text.split(END, len(OWN))
    shared, request, response = rest.rsplit(END, len(BODIES))
    return Access(request_id, key, event_time, duration_ms, shared, request, response)
