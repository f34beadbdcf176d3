"""People's tokens over HTTP: made, listed and revoked by their owner or an admin; asked about by every service."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from millrace_contracts.people import TokenAsk, TokenMade, TokenRead, TokenStanding, TokenWrite
from millrace_core.auth import Actor, CurrentActor, permit
from millrace_core.database import Session, utcnow
from millrace_core.errors import Forbidden
from millrace_registry.services import CurrentServices
from millrace_registry.tables import PersonalToken
from millrace_registry.tokens import given, making, queries

router = APIRouter(prefix="/v1", tags=["tokens"])
READ, WRITE = permit("registry.tokens.read"), permit("registry.tokens.write")
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{8}$")]


@router.post("/tokens", status_code=201, dependencies=[WRITE])
async def make_token(
    body: TokenWrite, session: Session, services: CurrentServices, actor: CurrentActor
) -> TokenMade:
    """A token for a program of one's own, with no more rights than one has; it is shown this once."""
    making.check(actor, body, services.settings.personal_token_days)
    word, kept = making.make(actor, body)
    await queries.add(session, kept, utcnow())
    await given.note(session, actor, utcnow())
    return TokenMade(**TokenRead.model_validate(kept).model_dump(), token=word)


@router.get("/tokens", response_model=list[TokenRead], dependencies=[READ])
async def list_tokens(
    session: Session,
    actor: CurrentActor,
    everybodys: Annotated[bool, Query(description="Of everybody, for an admin everywhere.")] = False,
) -> Sequence[PersonalToken]:
    """One's own tokens, also those that have ended, which come last; never the tokens themselves."""
    if everybodys and not _is_admin(actor):
        raise Forbidden(
            "Everybody's tokens are shown to an admin everywhere alone; yours without 'everybodys'."
        )
    if not everybodys and not actor.known.identifier:
        return []
    return await queries.listed(session, None if everybodys else actor.known.identifier, utcnow())


@router.delete("/tokens/{id}", status_code=204, response_class=Response, dependencies=[WRITE])
async def revoke_token(id: Id, session: Session, actor: CurrentActor) -> None:
    """Let one of one's own open nothing any more; an admin everywhere ends anybody's. Within three seconds nowhere."""
    mine = None if _is_admin(actor) else actor.known.identifier
    await queries.revoke(session, id, mine, actor.person, utcnow())


@router.post("/tokens:standing", dependencies=[permit("registry.credentials.write")])
async def standing_token(body: TokenAsk, session: Session) -> TokenStanding:
    """What a token opens now, by its SHA-256, for services; 404: nothing."""
    return await given.standing(session, body.sha256, utcnow())


def _is_admin(actor: Actor) -> bool:
    return actor.role == "admin"
