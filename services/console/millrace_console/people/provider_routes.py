"""The way to a provider of OpenID Connect and back, and the way out there too."""

import asyncio

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_console.people import cookies
from millrace_console.people.routes import browser_of, form, safe, signed_in
from millrace_console.services import CurrentServices, Services
from millrace_console.sessions import Entry
from millrace_console.signin.provider import Arrived, Provider, Refused
from millrace_contracts.people import WhoRead
from millrace_core.auth import PUBLIC, permit
from millrace_core.errors import NotFound, Unavailable

router = APIRouter(include_in_schema=False)
CALLBACK = "/oidc/callback"


@router.get("/oidc/start", dependencies=[permit(PUBLIC)])
async def start(request: Request, services: CurrentServices, to: str = "/") -> Response:
    """To the provider's page."""
    try:
        url, word = await _provider(services).begin(_here(request, services) + CALLBACK, safe(to[:4000]))
    except Unavailable as error:
        return form(request, services, to, error.detail, 503)
    answer = RedirectResponse(url, 303)
    cookies.give_begun(answer, word, services.settings)
    return answer


@router.get(CALLBACK, dependencies=[permit(PUBLIC)])
async def back(request: Request, services: CurrentServices) -> Response:
    """From the provider's page: a session for whoever it says that is."""
    word = cookies.read_begun(request, services.settings)
    try:
        arrived = await _provider(services).finish(word, dict(request.query_params))
        answer = await _begun(request, services, arrived)
    except (Refused, Unavailable) as error:
        told = error.detail if isinstance(error, Unavailable) else str(error)
        answer = form(request, services, "/", told, 503 if isinstance(error, Unavailable) else 401)
    cookies.take_begun(answer, services.settings)
    return answer


@router.get("/oidc/out", dependencies=[permit(PUBLIC)])
async def out(request: Request, services: CurrentServices) -> Response:
    """To the provider's page for signing out, if it has one."""
    try:
        way = await _provider(services).way_out(f"{_here(request, services)}/login")
    except Unavailable as error:
        return form(request, services, "/", error.detail, 503)
    return RedirectResponse(way or "/login", 303)


async def _begun(request: Request, services: Services, arrived: Arrived) -> Response:
    """A session for who has *arrived*. Raises: Refused, Unavailable."""
    clients = services.people.clients(arrived.renewal.held)
    try:
        who = await _who(services, clients, arrived)
    except (Refused, Unavailable):
        await clients.close()
        await _provider(services).forget(arrived.renewal)
        raise
    entry = Entry("provider", of=arrived.subject, browser=browser_of(request), renewal=arrived.renewal)
    return await signed_in(request, services, who.name, clients, entry, arrived.to)


async def _who(services: Services, clients: AsyncMillrace, arrived: Arrived) -> WhoRead:
    """Whom the services take them for. Raises: Refused, Unavailable."""
    host = _provider(services).host
    try:
        async with asyncio.timeout(services.settings.answer_seconds):
            who = await clients.registry.whoami()
    except ApiError as error:
        if error.status in (401, 403):
            raise Refused(
                f"{host} says that you are {arrived.name[:100]}, but nobody has given you a role here. Ask whoever "
                "administers this platform: roles are given to groups, or to you."
            ) from error
        raise Unavailable(f"The registry refuses: {error}.") from error
    except (TimeoutError, httpx.HTTPError) as error:
        raise Unavailable("The registry does not answer, so nobody can sign in now. Try again.") from error
    if who.identifier != arrived.subject:
        raise Refused(f"The token is not the one of who signed in at {host}.")
    return who


def _provider(services: Services) -> Provider:
    """Raises: NotFound where there is none."""
    if services.provider is None:
        raise NotFound("People do not sign in with a provider here.")
    return services.provider


def _here(request: Request, services: Services) -> str:
    """Under which address browsers know this console."""
    settings = services.settings
    if settings.console_public_url:
        return settings.console_public_url.rstrip("/")
    scheme = "https" if settings.https_only else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}"
