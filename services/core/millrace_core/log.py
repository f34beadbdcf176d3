"""Structured logs: one JSON object a line, with the request id that travels from the CLI to Triton."""

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def request_id() -> str | None:
    """Id of the request being served, or None outside a request."""
    return structlog.contextvars.get_contextvars().get("request_id")


def new_request_id() -> str:
    return os.urandom(16).hex()


def _as_any_line(**fields: object) -> None:
    log.info("request", **fields)


_write: Callable[..., None] = _as_any_line


def request_line(**fields: object) -> None:
    """Log what was answered, like `log.info("request", …)`, and straight away: there is one line for each request."""
    _write(**fields)


def configure(service: str, level: int = logging.INFO) -> None:
    """Send this process's logs, the libraries' too, to standard error as JSON lines."""
    added: structlog.typing.Processor = _named(service)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, added, structlog.processors.JSONRenderer(serializer=_json)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    global _write
    _write = _straight(service) if level <= logging.INFO else lambda **_: None
    handler = logging.StreamHandler(sys.stderr)
    renderer: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=renderer, foreign_pre_chain=[*shared, added])
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _straight(service: str) -> Callable[..., None]:
    stream = sys.stderr

    def write(**fields: object) -> None:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        head = {"event": "request", "level": "info", "timestamp": now, "service": service}
        stream.write(_json({**fields, **head}) + "\n")
        stream.flush()

    return write


def _json(event: structlog.typing.EventDict, **_: object) -> str:
    """The fast way; what only the slow way can write (large integers, half characters) goes that way."""
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(event, default=repr)


def _named(service: str) -> structlog.typing.Processor:
    def add(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    return add
