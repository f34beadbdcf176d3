"""Who may ask `:predict`: whoever has the permission, and who has a key for the endpoint."""

from typing import cast

from fastapi import Request

from millrace_contracts.keys import PREFIX, KeyState
from millrace_core.auth import Permit
from millrace_core.database import utcnow
from millrace_core.errors import Forbidden, Unauthorized
from millrace_serving.keys import keys, queries
from millrace_serving.services import Services

REMEDY = "Who may make keys makes another: millrace keys create NAME --endpoint ENDPOINT"


class KeyOrPermit(Permit):
    """The permission, or a key; what a key may ask, the gateway looks at as well, and its limits hold there."""

    async def __call__(self, request: Request) -> None:
        """Raises: Unauthorized; Forbidden."""
        key = shown_key(request)
        if not key:
            return await super().__call__(request)
        services = cast(Services, request.app.state.services)
        async with services.readers() as session:
            found = await queries.by_digest(session, keys.sha256(key))
        if found is None:
            raise Unauthorized(
                f"The key is not valid here: it was revoked, or is not written as it was given. {REMEDY}"
            )
        if keys.state(found, utcnow()) != KeyState.VALID:
            raise Unauthorized(f"The key {found.name} expired on {found.expires_at}. {REMEDY}")
        endpoint, project = request.path_params["endpoint"], request.query_params.get("project", "default")
        if not {f"{project}/{endpoint}", f"{project}/*"} & set(keys.scope(found)):
            raise Forbidden(
                f"The key {found.name} may not ask the endpoint {endpoint} of the project {project}. {REMEDY}"
            )
        return None


def shown_key(request: Request) -> str:
    """The key that a request shows; empty: it shows none, or a token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    shown = request.headers.get("x-api-key", "") or (token.strip() if scheme.lower() == "bearer" else "")
    return shown if shown.startswith(PREFIX) else ""
