"""What people last showed that their provider gives them: a token of theirs never opens more than that.

An issuer has tokens of several kinds: for the console and for programs, with the claim that lists somebody's groups and
without it. What each kind said since a token was made counts, so the one that says least decides, whichever came last.

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
        shown = sorted(set(actor.given))
        await queries.note_given(session, identifier, actor.kind, actor.role, shown, now)


async def standing(session: AsyncSession, sha256: str, now: datetime) -> TokenStanding:
    """What a token opens: of its grants those that its owner still has. Raises: NotFound where that is nothing."""
    kept = await queries.standing(session, sha256, now)
    found, known = TokenStanding.model_validate(kept), await queries.given(session, kept)
    left = [grant for grant in found.grants if all(has(one.role, one.given, grant) for one in known)]
    if not left:
        raise NotFound("What this token was given was taken from its owner since; it opens nothing.")
    return found.model_copy(update={"grants": left})
