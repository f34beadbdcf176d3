"""Refusals as pages: what is wrong, and what to do; only a bug is a 500."""

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from millrace.transport.errors import ApiError
from millrace_console.asking import Away
from millrace_console.people import cookies
from millrace_console.people.permits import NotSignedIn
from millrace_console.people.routes import LONGEST_WAY
from millrace_console.rendering import page
from millrace_console.services import Services
from millrace_core.errors import MillraceError, problem
from millrace_core.log import log, request_id

ASKED = ("Write", "Verdict", "InferSpec", "IngestSpec", "PredictionRequest", "ReviewLabel", "ReviewSkip")
"""How the names of what is asked of services end; those of answers end otherwise."""
TITLES = {
    403: "You may not do this",
    404: "There is no such page",
    409: "That does not go now",
    422: "That does not fit",
}
AWAY = {502: "An answer cannot be read"}


def install(app: FastAPI) -> None:
    """Make *app* answer people with pages; programs under /v1 and probes still get problem+json."""
    app.add_exception_handler(NotSignedIn, _signed_out)
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(Away, _away)
    app.add_exception_handler(MillraceError, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _unfit)


async def _signed_out(request: Request, _: Exception) -> Response:
    """To the form, and from there back to the page that was asked for."""
    services: Services = request.app.state.services
    had = bool(cookies.read(request, services.settings))
    to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = request.method == "GET" and len(to) <= LONGEST_WAY
    query = urlencode({"to": to if back else "/"} | ({"over": "true"} if had else {}))
    answer: Response = RedirectResponse(f"/login?{query}", 303)
    if request.headers.get("hx-request"):
        answer = Response(status_code=204, headers={"hx-redirect": f"/login?{query}"})
    if had:
        cookies.take(answer, services.settings)
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    """What another service refuses. A token that no longer holds ends the session."""
    assert isinstance(error, ApiError)
    if error.status == 401:
        services: Services = request.app.state.services
        await services.people.end(cookies.read(request, services.settings))
        return await _signed_out(request, error)
    detail = str(error.problem.get("detail") or error.problem.get("title") or "It gave no reason.")
    return _page(request, error.status if error.status < 500 else 503, detail, _places(error))


def _places(error: ApiError) -> list[str]:
    """Where the mistakes are, one line each."""
    told = error.problem.get("errors")
    lines = told if isinstance(told, list) else []
    return [
        " ".join(str(item.get(name) or "") for name in ("where", "what", "mend")).strip()
        for item in lines[:20]
        if isinstance(item, dict)
    ]


async def _away(request: Request, error: Exception) -> Response:
    return _page(request, 503, f"{error} The page can be opened again when it does; nothing is lost.")


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, MillraceError)
    if _is_a_program(request):
        return problem(error.status, error.title, error.detail, error.retry_after)
    return _page(request, error.status, error.detail)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "Nothing stands at this address.", 405: "This address does not take that."}
    if _is_a_program(request):
        return problem(error.status_code, "Request refused", words.get(error.status_code, str(error.detail)))
    return _page(request, error.status_code, words.get(error.status_code, str(error.detail)))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:20]]
    if _is_a_program(request):
        return problem(422, "Bad input", "; ".join(places))
    missing = any(item["loc"][0] == "path" for item in error.errors())
    return _page(request, 404 if missing else 422, "The address is not one of this console.", places)


async def _unfit(request: Request, error: Exception) -> Response:
    """What a form says does not fit what is asked by it; an answer of a service that cannot be read is named."""
    assert isinstance(error, ValidationError)
    places = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:20]]
    if not error.title.endswith(ASKED):
        log.error("an answer cannot be read", kind=error.title, places=places, path=request.url.path)
        words = f"A service answered something that cannot be read as {error.title}; it may be of another version."
        return _page(request, 502, words, places)
    return _page(request, 422, "Something in the form does not fit; go back, and mend it.", places)


def _is_a_program(request: Request) -> bool:
    """Whether whoever asks reads JSON: everything under /v1 does, also where there is nothing."""
    return request.url.path in ("/v1", "/metrics") or request.url.path.startswith("/v1/")


def _page(request: Request, status: int, words: str, places: list[str] | None = None) -> Response:
    title = (
        AWAY.get(status, "A service does not answer")
        if status >= 500
        else TITLES.get(status, "That was refused")
    )
    told = {"title": title, "words": words, "places": places or [], "request_id": request_id()}
    return page(request, "refused.html", told, status)
