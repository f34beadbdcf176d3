"""Errors as problem+json (RFC 9457): what is wrong, where, and how to mend it; never internals."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from millrace_core.log import log, request_id


@dataclass(frozen=True)
class FieldError:
    """One mistake: the place (`rows[3].distance`), what is wrong there, and how to mend it."""

    where: str
    what: str
    mend: str = ""


class MillraceError(Exception):
    """An error that a caller may see; its text must help and must not leak internals."""

    status = 500
    title = "Error"

    def __init__(
        self, detail: str, errors: list[FieldError] | None = None, retry_after: int = 1, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.retry_after = retry_after
        self.extra = extra


class BadInput(MillraceError):
    status, title = 422, "Bad input"


class Unauthorized(MillraceError):
    status, title = 401, "No valid token"


class Forbidden(MillraceError):
    status, title = 403, "Not permitted"


class NotFound(MillraceError):
    status, title = 404, "Not found"


class Conflict(MillraceError):
    status, title = 409, "Conflict"


class TooLarge(MillraceError):
    status, title = 413, "Too large"


class TooMany(MillraceError):
    status, title = 429, "Too many requests"


class Unavailable(MillraceError):
    status, title = 503, "Not available now"


def problem(status: int, title: str, detail: str, retry_after: int = 1, **more: Any) -> JSONResponse:
    """The answer for one error; *retry_after*: seconds after which a caller who is refused for now may come again."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request_id(),
    }
    again = {"retry-after": str(retry_after)}
    headers = {401: {"www-authenticate": "Bearer"}, 429: again, 503: again}.get(status)
    extra = {key: value for key, value in more.items() if value}
    return JSONResponse(body | extra, status, headers, media_type="application/problem+json")


async def _known(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MillraceError)
    errors = [asdict(item) for item in error.errors]
    return problem(error.status, error.title, error.detail, error.retry_after, errors=errors, **error.extra)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "Request refused", str(error.detail))


async def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        asdict(FieldError(".".join(str(part) for part in item["loc"]), item["msg"]))
        for item in error.errors()[:20]
    ]
    first = errors[0] if errors else {"where": "request", "what": "is not valid"}
    return problem(422, "Bad input", f"{first['where']}: {first['what']}", errors=errors)


async def _away(error: Exception) -> JSONResponse:
    """A lock that was not had in time, or a database that went away: another try may do better."""
    log.warning("the database did not answer", error=type(getattr(error, "orig", error)).__name__)
    return problem(503, "Not available now", "The database is busy or away; try again.")


async def _elsewhere(_: Request, error: Exception) -> JSONResponse:
    """Another service that could not be reached, after all tries: it may be back at the next request."""
    log.warning("another service did not answer", error=type(error).__name__)
    return problem(503, "Not available now", "A service that is needed for this is away; try again.")


async def _bug(request: Request, error: Exception) -> JSONResponse:
    log.exception("unexpected error", path=request.url.path, error=type(error).__name__)
    return problem(
        500, "Internal error", "Something went wrong here; the log has the details under this request id."
    )


def install(
    app: FastAPI,
    failures: tuple[type[Exception], ...] = (),
    is_away: Callable[[Exception], bool] = lambda _: True,
) -> None:
    """Make *app* answer every error as problem+json.

    A failure of the database that `is_away` tells, and a service behind it that is away, are 503.
    """
    app.add_exception_handler(MillraceError, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(httpx.TransportError, _elsewhere)

    async def failed(request: Request, error: Exception) -> JSONResponse:
        return await _away(error) if is_away(error) else await _bug(request, error)

    for kind in failures:
        app.add_exception_handler(kind, failed)
    app.add_exception_handler(Exception, _bug)
