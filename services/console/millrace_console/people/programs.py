"""Signing in for command lines: a session for a name and a password, ended by whoever holds it."""

from fastapi import APIRouter, Request, Response

from millrace_console.people.routes import browser_of, client_address
from millrace_console.services import CurrentServices
from millrace_contracts.accounts import SessionRead, SignInWrite
from millrace_core.auth import PUBLIC, permit
from millrace_core.errors import Conflict, Unauthorized

router = APIRouter(include_in_schema=False)


@router.post("/v1/sessions", dependencies=[permit(PUBLIC)], status_code=201)
async def sign_in(request: Request, wanted: SignInWrite, services: CurrentServices) -> SessionRead:
    """A session for who has this name and password; 401 for a wrong one and for a name that nobody has."""
    word, made = await services.accounts.sign_in(
        wanted.name,
        wanted.password.get_secret_value(),
        client_address(request),
        "session",
        browser_of(request),
    )
    urls = dict(services.clients.urls)
    return SessionRead(name=made.account, token=word, ends_at=made.ends_at, urls=urls)


@router.delete("/v1/sessions/mine", dependencies=[permit(PUBLIC)], status_code=204)
async def sign_out(request: Request, services: CurrentServices) -> Response:
    """End the session whose token is shown; 409 for a program's token, which ends by its date or by being revoked."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    word = token.strip() if scheme.lower() == "bearer" else ""
    if await services.accounts.end_session(word):
        return Response(status_code=204)
    if await services.accounts.stands(word):
        raise Conflict(
            "This is a token for programs, and no session: it goes on until its date. Revoke it on the console's page "
            "'you', or with 'millrace tokens revoke'."
        )
    raise Unauthorized("This token opens nothing, so there is nothing to end.")
