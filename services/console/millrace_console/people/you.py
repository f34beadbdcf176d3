"""The page of who is signed in: their sessions, their password and their tokens, each to be ended by them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import TypeAdapter, ValidationError
from pydantic.types import StringConstraints

from millrace.accounts import LONGEST_DAYS
from millrace_console.people import cookies, provided
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.people.routes import client_address
from millrace_console.rendering import page
from millrace_console.services import CurrentServices, Services
from millrace_console.sessions import Person
from millrace_console.signin.accounts import TOKEN_DAYS
from millrace_contracts.accounts import Credential
from millrace_contracts.people import TokenRead
from millrace_core.errors import BadInput, MillraceError, NotFound, TooMany, Unauthorized

router = APIRouter(include_in_schema=False)
Label = TypeAdapter(Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)])


@router.get("/you", dependencies=[look()])
async def you(request: Request, services: CurrentServices, person: CurrentPerson) -> Response:
    """Who is signed in, where else, with what, and which tokens their programs have."""
    return await _shown(request, services, person)


@router.post("/you/sessions", dependencies=[act()])
async def end_sessions(services: CurrentServices, person: CurrentPerson, fields: Fields) -> Response:
    """End one of one's sessions, or all others."""
    which, mine = fields.get("which", ""), services.people.of(person)
    if which == "others":
        await services.people.end_those([item for item in mine if item is not person])
        if _has_account(person):
            await services.accounts.end_sessions(person.name)
        return RedirectResponse("/you", 303)
    known = [item for item in mine if item.id == which]
    await services.people.end_those(known)
    if not known and not (_has_account(person) and await services.accounts.end(person.name, which)):
        raise NotFound("This session is over already, or is none of yours.")
    return RedirectResponse("/you", 303)


@router.post("/you/password", dependencies=[act()])
async def change_password(
    request: Request, services: CurrentServices, person: CurrentPerson, fields: Fields
) -> Response:
    """Another password; every session ends, this one too."""
    _account(person)
    new = fields.get("new", "")
    try:
        if new != fields.get("again", ""):
            raise BadInput("The new password stands there in two ways.")
        await services.accounts.change_password(
            person.name, fields.get("old", ""), new, client_address(request)
        )
    except (BadInput, TooMany, Unauthorized) as refusal:
        return await _shown(request, services, person, refusal)
    await services.people.end_those(services.people.of(person))
    answer = RedirectResponse("/login?changed=true", 303)
    cookies.take(answer, services.settings)
    return answer


@router.post("/you/tokens", dependencies=[act()])
async def make_token(
    request: Request, services: CurrentServices, person: CurrentPerson, fields: Fields
) -> Response:
    """A token for a program, shown on this page once."""
    if provided.has_tokens(person):
        return await _provided(request, services, person, fields)
    _account(person)
    try:
        label, days = Label.validate_python(fields.get("label", "")), int(fields.get("days", ""))
    except (ValidationError, ValueError):
        refusal = BadInput("Say in a few words what the token is for, and for how many days.")
        return await _shown(request, services, person, refusal)
    if not 1 <= days <= LONGEST_DAYS:
        return await _shown(
            request, services, person, BadInput(f"A token lasts from 1 to {LONGEST_DAYS} days.")
        )
    made = await services.accounts.make_token(person.name, label, days)
    return await _shown(request, services, person, made=made)


@router.get("/you/tokens/revoke", dependencies=[look()])
async def ask_revoke(
    request: Request,
    services: CurrentServices,
    person: CurrentPerson,
    which: Annotated[str, Query(max_length=100, description="The token.")] = "",
) -> Response:
    """Ask whether it is meant: a program that has the token is refused from then on."""
    if provided.has_tokens(person):
        tokens: Sequence[TokenRead | Credential] = (await provided.standing(person)).tokens
    else:
        _account(person)
        tokens = await services.accounts.tokens(person.name)
    found = next((item for item in tokens if item.id == which), None)
    if found is None:
        raise NotFound("This token has ended already, or is none of yours.")
    return page(request, "revoke.html", {"it": found})


@router.post("/you/tokens/revoke", dependencies=[act()])
async def revoke_token(services: CurrentServices, person: CurrentPerson, fields: Fields) -> Response:
    """End one of one's tokens."""
    if provided.has_tokens(person):
        await provided.revoke(person, fields.get("which", ""))
        return RedirectResponse("/you", 303)
    _account(person)
    if not await services.accounts.end(person.name, fields.get("which", "")):
        raise NotFound("This token has ended already, or is none of yours.")
    return RedirectResponse("/you", 303)


async def _provided(request: Request, services: Services, person: Person, fields: Fields) -> Response:
    """A token of who signed in at a provider; the registry keeps it."""
    try:
        made = await provided.make(person, fields)
    except MillraceError as refusal:
        return await _shown(request, services, person, refusal)
    return await _shown(request, services, person, made=made)


async def _shown(
    request: Request, services: Services, person: Person, refusal: MillraceError | None = None, made: str = ""
) -> Response:
    has = _has_account(person)
    told = {
        "browsers": services.people.of(person),
        "programs": await services.accounts.sessions(person.name) if has else [],
        "tokens": await services.accounts.tokens(person.name) if has else [],
        "account": has,
        "provided": await provided.standing(person) if provided.has_tokens(person) else None,
        "days": TOKEN_DAYS,
        "longest": LONGEST_DAYS,
        "words": "" if refusal is None else refusal.detail,
        "made": made,
    }
    return page(request, "you.html", told, 200 if refusal is None else refusal.status)


def _has_account(person: Person) -> bool:
    return person.entry.way == "password"


def _account(person: Person) -> None:
    """Raises: NotFound for who did not sign in with a password: what they came with is managed elsewhere."""
    if not _has_account(person):
        raise NotFound("You did not sign in with a password, so there is nothing to change here.")
