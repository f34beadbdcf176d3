"""What people last showed that their provider gives them: a token of theirs never opens more than that.

A role that is taken away at the provider is seen when its owner comes again, by their own token; until then, and for
who never comes again, a token goes on to its end, or until somebody revokes it.
"""

from datetime import datetime

from millrace_contracts.people import TokenStanding
from millrace_core.auth import Actor
from millrace_core.database import AsyncSession
from millrace_core.errors import NotFound
from millrace_registry.tokens import queries
from millrace_registry.tokens.making import has


async def note(session: AsyncSession, actor: Actor, now: datetime) -> None:
    """Remember what was given to *actor*, who came by a token of their provider; others change nothing."""
    identifier = actor.known.identifier
    if not actor.token and identifier:
        await queries.note_given(session, identifier, actor.role, sorted(set(actor.given)), now)


async def standing(session: AsyncSession, sha256: str, now: datetime) -> TokenStanding:
    """What a token opens: of its grants those that its owner still has. Raises: NotFound where that is nothing."""
    found = TokenStanding.model_validate(await queries.standing(session, sha256, now))
    known = await queries.given(session, found.identifier)
    if known is None:
        return found
    left = [grant for grant in found.grants if has(known.role, known.given, grant)]
    if not left:
        raise NotFound("What this token was given was taken from its owner since; it opens nothing.")
    return found.model_copy(update={"grants": left})
