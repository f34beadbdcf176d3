"""Who may ask the gateway besides those with keys: tokens of the tokens file, and those that issuers sign."""

from collections.abc import Mapping

from millrace_core.auth import Actor, Tokens
from millrace_core.identity import Issuer as Known
from millrace_core.identity import Issuers
from millrace_serving.envoy import callers
from millrace_serving.envoy.callers import EVERYTHING, Issuer, Key, Scope

MAY = "serving.predictions.write"
"""Who may ask `:predict` may ask the gateway."""
FRESH_SECONDS = 30.0
"""Age at which an issuer's keys are fetched anew: who shows a new one is unknown until then."""


def of_tokens(tokens: Tokens) -> list[Key]:
    """Those with a token of the tokens file, services and people alike; some may ask nothing."""
    stored = sorted(tokens.stored().items())
    return [Key(digest, f"token:{actor.name}", _scope(actor.role)) for digest, actor in stored]


def issuers(known: Issuers, projects: Mapping[str, str]) -> tuple[Issuer, ...]:
    """Those whose keys are known; fetches them, so it may take a few seconds.

    Args:
        projects: projects of a cluster's namespaces that are not their own.
    """
    return tuple(
        _issuer(item, projects) for item in known.all() if item.keys.seen(FRESH_SECONDS) and item.keys.issuer
    )


def _issuer(item: Known, projects: Mapping[str, str]) -> Issuer:
    subjects = {str(role["subject"]): _scope(role["role"]) for role in item.roles if "subject" in role}
    claims = ((role["claim"], role["value"], _scope(role["role"])) for role in item.roles if "claim" in role)
    return Issuer(
        name=str(item.keys.issuer),
        audience=item.audience,
        keys=callers.jwks(item.keys.published),
        subjects={name: scope for name, scope in subjects.items() if scope},
        claims=tuple(claims),
        projects=projects if item.cluster else None,
    )


def _scope(role: str) -> Scope:
    return (EVERYTHING,) if Actor("", role).may(MAY) else ()
