"""Signing in and out: with a token in a form, or with a link that `millrace console` makes and that works once."""

import asyncio
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_console.people import cookies
from millrace_console.people.permits import Fields, Form, act
from millrace_console.rendering import page
from millrace_console.services import CurrentServices, Services
from millrace_core.auth import PUBLIC, permit
from millrace_core.errors import Unauthorized

router = APIRouter(include_in_schema=False)
LONGEST = 8000
"""Characters of a token."""
LONGEST_WAY = 4000
"""Characters of the address to which signing in leads back."""


class LinkRead(BaseModel):
    """A way in for a browser on this machine."""

    path: str = Field(description="Open it in a browser; it works once, and for a short while.")
    seconds: float


class Refused(Exception):
    """A token that opens nothing, in words for whoever brought it."""


@router.get("/login", dependencies=[permit(PUBLIC)])
async def ask(
    request: Request, to: Annotated[str, Query(max_length=LONGEST_WAY)] = "/", over: bool = False
) -> Response:
    """The form for a token."""
    words = "Your session is over, or your token no longer holds. Sign in again." if over else ""
    return page(request, "login.html", {"to": safe(to), "words": words})


@router.post("/login", dependencies=[Depends(Form(PUBLIC))])
async def sign_in(request: Request, services: CurrentServices, fields: Fields) -> Response:
    """Sign in with a token."""
    to = safe(fields.get("to", "/"))
    try:
        return await _begun(services, fields.get("token", "").strip(), to)
    except Refused as refusal:
        return page(request, "login.html", {"to": to, "words": str(refusal)}, 401)


@router.get("/link", dependencies=[permit(PUBLIC)])
async def offered(request: Request, word: Annotated[str, Query(max_length=100)]) -> Response:
    """Ask whether to use a link: what only looks at links, like a preview, does not use it up."""
    return page(request, "link.html", {"word": word})


@router.post("/link", dependencies=[Depends(Form(PUBLIC))])
async def use(request: Request, services: CurrentServices, fields: Fields) -> Response:
    """Sign in with a link, once."""
    token = services.people.redeem(fields.get("word", ""))
    try:
        if token is None:
            raise Refused("This link was used already, or is too old. Make another with 'millrace console'.")
        return await _begun(services, token, "/")
    except Refused as refusal:
        return page(request, "login.html", {"to": "/", "words": str(refusal)}, 401)


@router.post("/v1/links", dependencies=[permit(PUBLIC)])
async def offer(request: Request, services: CurrentServices) -> LinkRead:
    """A link for a browser, for whoever shows a token that the registry believes."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Send 'Authorization: Bearer <token>'; 'millrace console' does.")
    try:
        clients = _clients(services, token.strip())
        try:
            await _name(services, clients)
        finally:
            await clients.close()
    except Refused as refusal:
        raise Unauthorized(str(refusal)) from refusal
    word = services.people.offer(token.strip())
    return LinkRead(path=f"/link?word={word}", seconds=services.settings.link_seconds)


@router.post("/logout", dependencies=[act()])
async def sign_out(request: Request, services: CurrentServices) -> Response:
    """End the session."""
    await services.people.end(cookies.read(request, services.settings))
    answer = RedirectResponse("/login", 303)
    cookies.take(answer, services.settings)
    return answer


async def _begun(services: Services, token: str, to: str) -> Response:
    """A session for who has *token*, and the way to the page *to*. Raises: Refused."""
    clients = _clients(services, token)
    try:
        name = await _name(services, clients)
    except Refused:
        await clients.close()
        raise
    key = services.people.begin(name, clients)
    await services.people.close_ended()
    answer = RedirectResponse(to, 303)
    cookies.give(answer, key, services.settings)
    return answer


def _clients(services: Services, token: str) -> AsyncMillrace:
    """The services as who has *token* sees them. Raises: Refused for what no header can carry."""
    if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable():
        raise Refused("That is no token. On a laptop 'millrace console' signs you in.")
    return services.people.clients(token)


async def _name(services: Services, clients: AsyncMillrace) -> str:
    """Whom a token names. Raises: Refused."""
    try:
        async with asyncio.timeout(services.settings.answer_seconds):
            return (await clients.registry.whoami()).name
    except ApiError as error:
        if error.status in (401, 403):
            raise Refused("The platform does not know this token, or it has expired.") from error
        raise Refused(f"The registry refuses: {error}.") from error
    except (TimeoutError, httpx.HTTPError) as error:
        raise Refused("The registry does not answer, so nobody can sign in now. Try again.") from error


def safe(to: str) -> str:
    """A path of this console, whatever was asked for: a link must lead nowhere else."""
    inside = to.startswith("/") and not to.startswith(("//", "/\\")) and "\\" not in to and to.isprintable()
    return to if inside else "/"
