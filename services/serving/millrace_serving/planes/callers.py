"""Who may ask the gateway besides those with keys: tokens of the tokens file, and those that issuers sign."""

from collections.abc import Mapping

from millrace_core.auth import Actor, Tokens
from millrace_core.identity import Issuer as Known
from millrace_core.identity import Issuers
from millrace_core.reviews import Spaces
from millrace_core.roles import allows, allows_there
from millrace_serving.envoy import callers
from millrace_serving.envoy.callers import EVERYTHING, Given, Issuer, Key, Scope

MAY = "serving.predictions.write"
"""Who may ask `:predict` may ask the gateway."""
FRESH_SECONDS = 30.0
"""Age at which an issuer's keys are fetched anew: who shows a new one is unknown until then."""


def of_tokens(tokens: Tokens) -> list[Key]:
    """Those with a token of the tokens file, services and people alike; some may ask nothing."""
    stored = sorted(tokens.stored().items())
    return [Key(digest, f"token:{actor.name}", _of(actor)) for digest, actor in stored]


def _of(actor: Actor) -> Scope:
    if actor.may(MAY):
        return (EVERYTHING,)
    return tuple(f"{project}/{EVERYTHING}" for project, role in actor.given if allows_there(role, MAY))


def look(known: Issuers) -> None:
    """Fetch the keys of those whose keys are old; that may take a few seconds."""
    for item in known.all():
        item.keys.see(FRESH_SECONDS)


def issuers(known: Issuers) -> tuple[Issuer, ...]:
    """Those whose keys are known; the tokens of one that publishes none are refused."""
    found = [item for item in known.all() if item.keys.published and item.keys.issuer]
    return tuple(_issuer(item, known.spaces) for item in found)


def _issuer(item: Known, spaces: Spaces) -> Issuer:
    """A service account may ask its namespace's project where the rights of a namespace are those of a project."""
    namespaces = item.cluster and item.known_as is not None
    return Issuer(
        name=str(item.keys.issuer),
        audience=item.audience,
        keys=callers.jwks(item.keys.published),
        given=tuple(_given(role) for role in item.roles),
        projects=dict(spaces.projects) if namespaces else None,
        watched=spaces.watched if namespaces else (),
    )


def _given(role: Mapping[str, str]) -> Given:
    project = role.get("project")
    if project is None:
        scope: Scope = (EVERYTHING,) if allows(role["role"], MAY) else ()
    else:
        scope = (f"{project}/{EVERYTHING}",) if allows_there(role["role"], MAY) else ()
    return Given(
        scope,
        subject=role.get("subject", ""),
        claim=role.get("claim", ""),
        value=role.get("value", ""),
        everywhere=project is None,
    )
