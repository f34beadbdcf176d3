"""Signing in and out: with a password, a token, or a link that `millrace console` makes and that works once."""

import asyncio
from collections.abc import Mapping
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
from millrace_console.sessions import Entry
from millrace_contracts.accounts import LONGEST_PASSWORD
from millrace_core.auth import PUBLIC, permit
from millrace_core.errors import TooMany, Unauthorized, Unavailable

router = APIRouter(include_in_schema=False)
LONGEST = 8000
"""Characters of a token."""
LONGEST_NAME = 100
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
    request: Request,
    services: CurrentServices,
    to: Annotated[str, Query(max_length=LONGEST_WAY)] = "/",
    over: bool = False,
    changed: bool = False,
    out: bool = False,
) -> Response:
    """The ways in."""
    words = "Your session is over, or your token no longer holds. Sign in again." if over else ""
    words = "Your password is changed. Sign in with the new one." if changed else words
    return form(request, services, to, words, out=out)


@router.post("/login", dependencies=[Depends(Form(PUBLIC))])
async def sign_in(request: Request, services: CurrentServices, fields: Fields) -> Response:
    """Sign in with a name and a password, or with a token."""
    to = safe(fields.get("to", "/"))
    try:
        if "name" in fields:
            return await _with_password(request, services, fields, to)
        return await _begun(request, services, fields.get("token", "").strip(), to)
    except Refused as refusal:
        return form(request, services, to, str(refusal), 401)
    except TooMany as refusal:
        answer = form(request, services, to, refusal.detail, 429)
        answer.headers["retry-after"] = str(refusal.retry_after)
        return answer


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
        return await _begun(request, services, token, "/")
    except Refused as refusal:
        return form(request, services, "/", str(refusal), 401)


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
    way = request.state.person.entry.way
    await services.people.end(cookies.read(request, services.settings))
    answer = RedirectResponse("/login?out=true" if way == "provider" else "/login", 303)
    cookies.take(answer, services.settings)
    return answer


async def _with_password(
    request: Request, services: Services, fields: Mapping[str, str], to: str
) -> Response:
    """A session for who has this name and password. Raises: Refused, TooMany."""
    name, password = fields.get("name", "").strip(), fields.get("password", "")
    if not 0 < len(name) <= LONGEST_NAME or not 0 < len(password) <= LONGEST_PASSWORD:
        raise Refused("Give a name and its password.")
    address, browser = client_address(request), browser_of(request)
    try:
        word, made = await services.accounts.sign_in(name, password, address, "browser", browser)
    except (Unauthorized, Unavailable) as error:
        raise Refused(error.detail) from error
    entry = Entry("password", word, browser=browser)
    return await signed_in(request, services, made.account, services.people.clients(word), entry, to)


async def _begun(request: Request, services: Services, token: str, to: str) -> Response:
    """A session for who has *token*, and the way to the page *to*. Raises: Refused."""
    clients = _clients(services, token)
    try:
        name = await _name(services, clients)
    except Refused:
        await clients.close()
        raise
    return await signed_in(request, services, name, clients, Entry(browser=browser_of(request)), to)


async def signed_in(
    request: Request, services: Services, name: str, clients: AsyncMillrace, entry: Entry, to: str
) -> Response:
    """A new session under a new name; the one that this browser had before is over."""
    await services.people.end(cookies.read(request, services.settings))
    key = services.people.begin(name, clients, entry)
    await services.people.close_ended()
    answer = RedirectResponse(to, 303)
    cookies.give(answer, key, services.settings)
    return answer


def form(
    request: Request, services: Services, to: str, words: str, status: int = 200, out: bool = False
) -> Response:
    """The ways in that there are here, with *words* about what went wrong; *out*: who left came from a provider."""
    provider = services.provider
    told = {
        "to": safe(to),
        "words": words,
        "passwords": services.accounts.present,
        "provider": "" if provider is None else provider.label,
        "out": out,
    }
    return page(request, "login.html", told, status)


def client_address(request: Request) -> str:
    """Where a request comes from, as far as this process sees it."""
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """How a browser calls itself, cut short."""
    told = request.headers.get("user-agent", "")
    return "".join(letter for letter in told if letter.isprintable())[:LONGEST_NAME] or "a browser"


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
