"""What guards the console's routes: being signed in, and for what changes something a form of our own.

What somebody may is decided by the services that are asked with their token, never here.
"""

import hmac
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request

from millrace_console import multipart
from millrace_console.people import cookies
from millrace_console.services import Services
from millrace_console.sessions import Person
from millrace_console.signin.provider import Over
from millrace_core.auth import PUBLIC, Permit
from millrace_core.errors import BadInput, Forbidden

LOOK, ACT = "console.pages.read", "console.actions.write"
MOST_FIELDS = 6000


class NotSignedIn(Exception):
    """Nobody is signed in, or the session is over."""


class Elsewhere(Forbidden):
    """A form that did not come from a page of this console."""


class Signed(Permit):
    """Lets whoever is signed in pass."""

    async def __call__(self, request: Request) -> None:
        request.state.person = await _kept(request)


class Form(Permit):
    """Lets a form of our own pass: from this origin, and of this session unless nobody needs to be signed in."""

    async def __call__(self, request: Request) -> None:
        same_origin(request)
        request.state.form = await _form(request)
        if self.permission == PUBLIC:
            return
        request.state.person = await _kept(request)
        _ours(str(request.state.form.get("csrf", "")), request.state.person)


class Sent(Permit):
    """Lets a file of our own pages pass: from this origin, with the word of the session.

    A script sends the file as it is and the word in a header; without one the word stands in the form before the file.
    """

    async def __call__(self, request: Request) -> None:
        same_origin(request)
        request.state.person = await _kept(request)
        shown, request.state.parts = request.headers.get("x-csrf", ""), None
        if multipart.is_one(request):
            parts = request.state.parts = multipart.Parts(request)
            await parts.begin()
            shown = parts.fields.get("csrf", "")
        _ours(shown, request.state.person)


def _ours(shown: str, person: Person) -> None:
    """Raises: Elsewhere for a word that is not the session's."""
    if not hmac.compare_digest(shown.encode(), person.csrf.encode()):
        raise Elsewhere("This form is not of your session. Open the page again, and send it from there.")


def person_of(request: Request) -> Person:
    """Who is signed in. Raises: NotSignedIn."""
    services: Services = request.app.state.services
    person = services.people.find(cookies.read(request, services.settings))
    if person is None:
        raise NotSignedIn
    return person


async def _kept(request: Request) -> Person:
    """Who is signed in, with a token that holds. Raises: NotSignedIn; Unavailable while none can be renewed."""
    person, services = person_of(request), request.app.state.services
    if person.entry.renewal is not None and services.provider is not None:
        try:
            await services.provider.keep(person.entry.renewal)
        except Over:
            await services.people.end(cookies.read(request, services.settings))
            raise NotSignedIn from None
    return person


def same_origin(request: Request) -> None:
    """Raises: Elsewhere for a request that a page of somebody else's made, as far as the browser tells."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    strange = site is not None and site not in ("same-origin", "none")
    if origin is not None and site is None:
        strange = urlsplit(origin).netloc != request.headers.get("host")
    if strange:
        raise Elsewhere("A page of another site sent this. Open the console, and do it there.")


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; of several with one name the last. Raises: BadInput."""
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise BadInput("The form cannot be read; send it from its page.") from error


def look() -> Any:
    """The dependency of a page."""
    return Depends(Signed(LOOK))


def act() -> Any:
    """The dependency of what changes something."""
    return Depends(Form(ACT))


def send() -> Any:
    """The dependency of what takes a file."""
    return Depends(Sent(ACT))


async def _parts(request: Request) -> multipart.Parts | None:
    parts: multipart.Parts | None = request.state.parts
    return parts


async def _person(request: Request) -> Person:
    person = request.state.person
    assert isinstance(person, Person)
    return person


async def _fields(request: Request) -> dict[str, str]:
    return dict(request.state.form)


CurrentPerson = Annotated[Person, Depends(_person)]
Fields = Annotated[dict[str, str], Depends(_fields)]
CurrentParts = Annotated[multipart.Parts | None, Depends(_parts)]
