"""Tokens for programs of who signed in at a provider: the registry makes, lists and ends them, with their rights."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from millrace.transport.errors import ApiError
from millrace_console.sessions import Person
from millrace_contracts.people import TokenGrant, TokenRead, TokenWrite
from millrace_core.errors import BadInput, Forbidden, MillraceError, NotFound

REFUSALS: dict[int, type[MillraceError]] = {403: Forbidden, 404: NotFound, 409: BadInput, 422: BadInput}


@dataclass(frozen=True)
class Standing:
    """Tokens that open something, and what a new one could be given, as (value of the form, in words)."""

    tokens: list[TokenRead]
    grants: list[tuple[str, str]]


def has_tokens(person: Person) -> bool:
    """Whether the registry keeps tokens of theirs: they signed in at a provider."""
    return person.entry.way == "provider"


async def standing(person: Person) -> Standing:
    """Their tokens, and what the registry lets them give a new one."""
    registry = person.clients.registry
    who, kept = await registry.whoami(), await registry.tokens()
    now = datetime.now(UTC)
    grants = [
        (
            f"{grant.role} {grant.project or ''}",
            f"{grant.role} {f'in {grant.project}' if grant.project else 'everywhere'}",
        )
        for grant in who.grants
    ]
    return Standing([item for item in kept if item.revoked_at is None and item.ends_at > now], grants)


async def make(person: Person, fields: Mapping[str, str]) -> str:
    """The token itself, shown this once. Raises: BadInput, Forbidden."""
    role, _, project = fields.get("grant", "").partition(" ")
    try:
        grant = TokenGrant.model_validate({"role": role, "project": project or None})
        wanted = TokenWrite.model_validate(
            {"label": fields.get("label", ""), "days": fields.get("days", ""), "grants": [grant]}
        )
    except ValidationError as error:
        raise BadInput(
            "Say in a few words what the token is for, for how many days, and what it may."
        ) from error
    try:
        return (await person.clients.registry.make_token(wanted)).token
    except ApiError as error:
        raise _refused(error) from error


async def revoke(person: Person, which: str) -> None:
    """End one of theirs. Raises: NotFound."""
    try:
        await person.clients.registry.revoke_token(which)
    except ApiError as error:
        raise _refused(error) from error


def _refused(error: ApiError) -> MillraceError | ApiError:
    kind = REFUSALS.get(error.status)
    return error if kind is None else kind(str(error.problem.get("detail") or error))
