"""Entries of the issuers file: which roles they give to whom."""

import hashlib
from collections.abc import Sequence

from millrace_contracts.bodies import Document
from millrace_core.roles import PEOPLE


def check_twice(entries: Sequence[Document]) -> None:
    """Raises: ValueError for an entry that nobody would ever come to, because another takes all its tokens."""
    places = [(entry["issuer"], entry["audience"]) for entry in entries]
    for issuer, audience in places:
        if places.count((issuer, audience)) > 1:
            raise ValueError(
                f"{issuer} stands twice for the audience {audience}: put the roles of both into one entry"
            )


def complete(given: Document) -> bool:
    """Whether a role says to whom it is given, and in a project only what people may be."""
    named = "subject" in given or {"claim", "value"} <= given.keys()
    return named and "role" in given and ("project" not in given or given["role"] in PEOPLE)


def kind(audience: str, roles: Sequence[dict[str, str]], claims: Document) -> str:
    """Tells apart an issuer's tokens that cannot say the same of somebody: by whom they are for, and by which of the
    claims that give roles they have at all."""
    named = sorted({given["claim"] for given in roles if "claim" in given and given["claim"] in claims})
    return hashlib.sha256("\n".join([audience, *named]).encode()).hexdigest()[:16]


def fits(given: dict[str, str], claims: Document) -> bool:
    """Whether the role is given to whom *claims* name."""
    if "subject" in given:
        return bool(claims["sub"] == given["subject"])
    value = claims.get(given["claim"])
    return given["value"] in value if isinstance(value, list) else value == given["value"]
