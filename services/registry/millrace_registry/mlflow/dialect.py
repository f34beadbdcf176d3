"""MLflow's way of saying the same: a workspace is a project, and an error has a code and a message."""

import json
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = ("/api/2.0/mlflow", "/api/3.0/mlflow")
WORKSPACE = b"x-mlflow-workspace"
PROBLEM = b"application/problem+json"
INVALID = (400, "INVALID_PARAMETER_VALUE")
CODES = {
    400: INVALID,
    401: (401, "UNAUTHENTICATED"),
    403: (403, "PERMISSION_DENIED"),
    404: (404, "RESOURCE_DOES_NOT_EXIST"),
    405: (405, "ENDPOINT_NOT_FOUND"),
    408: (408, "DEADLINE_EXCEEDED"),
    409: (400, "RESOURCE_ALREADY_EXISTS"),
    413: (413, "INVALID_PARAMETER_VALUE"),
    422: INVALID,
    429: (429, "REQUEST_LIMIT_EXCEEDED"),
    501: (501, "NOT_IMPLEMENTED"),
    503: (503, "TEMPORARILY_UNAVAILABLE"),
}
"""Status and code that MLflow's clients expect, by our own status."""


class MlflowDialect:
    """Translates at the door, so that everything within speaks of projects and problems as everywhere else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            return await self._app(scope, receive, send)
        return await self._app(_in_project(scope), receive, _Said(send))


def _in_project(scope: Scope) -> Scope:
    """The request with the workspace of its header as `?project=`; the header wins."""
    named = (
        next((value for name, value in scope["headers"] if name == WORKSPACE), b"").decode("latin-1").strip()
    )
    if not named:
        return scope
    asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [("project", named), *((name, value) for name, value in asked if name != "project")]
    return dict(scope) | {"query_string": urlencode(kept).encode()}


class _Said:
    """Holds a problem back until it is whole, and says it as MLflow does; everything else passes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._tell(self._start)

    async def _tell(self, start: Message) -> None:
        problem = json.loads(self._body)
        status, code = CODES.get(start["status"], (start["status"], "INTERNAL_ERROR"))
        body = json.dumps(
            {"error_code": problem.get("error_code", code), "message": _words(problem)}
        ).encode()
        kept = [pair for pair in start["headers"] if pair[0] not in (b"content-type", b"content-length")]
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *kept,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_problem(message: Message) -> bool:
    return any(name == b"content-type" and value == PROBLEM for name, value in message["headers"])


def _words(problem: dict[str, object]) -> str:
    """The detail, and how to mend it where that is known."""
    errors = problem.get("errors")
    mends = [item["mend"] for item in errors if item.get("mend")] if isinstance(errors, list) else []
    return f"{problem['detail']} {'; '.join(mends)}".strip()
