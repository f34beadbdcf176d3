"""Who may make which token: people themselves, for no more than was given to them."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, timedelta

from millrace_contracts.names import PATTERN
from millrace_contracts.people import PERSONAL, TokenGrant, TokenWrite
from millrace_core.auth import Actor
from millrace_core.database import utcnow
from millrace_core.errors import BadInput, FieldError, Forbidden
from millrace_core.roles import PEOPLE, covers
from millrace_registry.tables import PersonalToken


def check(actor: Actor, wanted: TokenWrite, longest: int) -> None:
    """Raises: Forbidden for who makes none, or wants more than they may; BadInput for one with no such end."""
    if actor.token:
        raise Forbidden("A token makes no other token. Sign in yourself.")
    if not actor.known.identifier:
        raise Forbidden(
            f"{actor.name} did not sign in at a provider, and only who does has tokens here. For a service account "
            "make one with 'kubectl create token'; on one machine with 'millrace tokens create NAME'."
        )
    if wanted.days > longest:
        what = f"{wanted.days} days are more than the {longest} that the operator lets a token last"
        raise BadInput(f"{what}.", [FieldError("days", what, f"ask for {longest} at most")])
    if wanted.until is not None and wanted.until <= utcnow():
        what = f"{wanted.until:%Y-%m-%d %H:%M %Z} is over"
        raise BadInput(
            f"{what}.", [FieldError("until", what, "name a time that is to come, or leave it out")]
        )
    lacking = [grant for grant in wanted.grants if not has(actor.role, actor.given, grant)]
    if lacking:
        raise Forbidden(
            f"{actor.name} cannot give a token the role {told(lacking[0])}, which was not given to {actor.name}. "
            "'millrace whoami' shows your roles; those of Kubernetes' RBAC are looked up anew each time, and stand in "
            "no token."
        )


def offered(actor: Actor) -> list[TokenGrant]:
    """What `check` lets *actor* give a token, each the most of its kind; nothing for who makes none.

    What the issuers file gives in a project of which there can be none is left out.
    """
    if actor.token or not actor.known.identifier:
        return []
    everywhere = [TokenGrant.model_validate({"role": actor.role})] if actor.role in PEOPLE else []
    return everywhere + [
        TokenGrant.model_validate({"role": role, "project": project})
        for project, role in dict.fromkeys(actor.given)
        if re.fullmatch(PATTERN, project)
    ]


def make(actor: Actor, wanted: TokenWrite) -> tuple[str, PersonalToken]:
    """The token, which is shown this once, and what is kept of it."""
    word, now = f"{PERSONAL}{secrets.token_urlsafe(32)}", utcnow()
    ends = now + timedelta(days=wanted.days)
    kept = PersonalToken(
        id=secrets.token_hex(4),
        sha256=hashlib.sha256(word.encode()).hexdigest(),
        name=actor.person,
        identifier=actor.known.identifier,
        label=wanted.label,
        grants=wanted.grants,
        made_at=now,
        ends_at=ends if wanted.until is None else min(ends, wanted.until).astimezone(UTC),
    )
    return word, kept


def told(grant: TokenGrant) -> str:
    """A grant in words."""
    return f"{grant.role} in {grant.project}" if grant.project else f"{grant.role} everywhere"


def has(role: str, given: Iterable[tuple[str, str]], grant: TokenGrant) -> bool:
    """Whether who has *role* everywhere, and those of *given*, (project, role), has what *grant* gives."""
    everywhere = [role] if role else []
    if grant.project is None:
        return covers(everywhere, grant.role, everywhere=True)
    there = [one for project, one in given if project == grant.project]
    return covers(everywhere, grant.role, True) or covers(there, grant.role, False)
