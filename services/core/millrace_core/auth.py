"""Who sent a request, and whether they may: bearer tokens, and a permission on every route.

A token's SHA-256 stands in the tokens file: `{"tokens": [{"name": "user", "role": "admin", "sha256": "…"}]}`, with a
`project` where the role is given in that one alone, and `formerly` where older records know the same one by another
name. Tokens that others sign are checked by `millrace_core.identity`, sessions and tokens of accounts by
`millrace_core.accounts`, those that people made for programs by `millrace_core.personal`.
What a role may do stands in `millrace_core.roles`, and how it is found in `millrace_core.rights`.
A route without a permission stops the service from starting (`check_routes`).
"""

import asyncio
import hashlib
import hmac
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from millrace_core.accounts import Accounts
from millrace_core.errors import BadInput, FieldError, Unauthorized
from millrace_core.identity import Issuers
from millrace_core.names import project_of_request
from millrace_core.personal import Personal
from millrace_core.persons import person
from millrace_core.rights import Actor as Actor
from millrace_core.rights import Rights, acting
from millrace_core.roles import PARTS, PEOPLE

PUBLIC = "public"
"""Permission of the few routes that need no token: liveness and readiness."""


class Tokens:
    """The tokens file, read again when it changes, the accounts file, and the tokens of other issuers."""

    def __init__(self, path: Path | None, issuers: Path | None = None, accounts: Path | None = None) -> None:
        self.path = path
        self._accounts = Accounts(accounts)
        self.issuers = Issuers(issuers)
        self.rights = Rights(lambda: self.issuers.spaces)
        self.personal: Personal | None = None
        """Tokens that the registry keeps; None where nobody can be asked for them."""
        self.roleless: Callable[[str, str], Awaitable[None]] | None = None
        """Told by whom, as identifier, and of which kind a valid token came that gives no role any more."""
        self._stamp: tuple[int, int] | None = None
        self._actors: dict[str, Actor] = {}

    def actor(self, token: str) -> Actor | None:
        """Whose *token* this is, or None. Raises: Unavailable while its issuer cannot be asked; may wait for it."""
        identity = self.issuers.identity(token)
        if identity is not None:
            name = identity.role if identity.role in PARTS else identity.name
            given, subject = identity.given, identity.subject
            shown = (identity.pod, given, subject, identity.identifier)
            return Actor(name, identity.role, *shown, kind=identity.kind)
        self._refresh()
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = next(
            (actor for taken, actor in self._actors.items() if hmac.compare_digest(taken, digest)), None
        )
        return found or self._accounts.actor(digest)

    async def find(self, token: str) -> Actor | None:
        """The same for the event loop: only a token that an issuer may know is worth a thread."""
        if self.issuers.may_know(token):
            known = await asyncio.to_thread(self.actor, token)
            if known is None and self.roleless is not None:
                identifier, kind = await asyncio.to_thread(self.issuers.roleless, token)
                if identifier:
                    await self.roleless(person("", identifier).identifier, kind)
            return known
        found = self.actor(token)
        return found if found or self.personal is None else await self.personal.actor(token)

    def stored(self) -> dict[str, Actor]:
        """Who has a token of the files, by its SHA-256."""
        self._refresh()
        return self._accounts.stored() | self._actors

    def _refresh(self) -> None:
        try:
            stat = os.stat(self.path or "")
        except OSError:
            self._actors, self._stamp = {}, None
            return
        if self._stamp != (stat.st_mtime_ns, stat.st_size):
            entries = json.loads(Path(self.path or "").read_text())["tokens"]
            self._actors = {item["sha256"]: _entry(item) for item in entries}
            self._stamp = (stat.st_mtime_ns, stat.st_size)


def _entry(item: dict[str, str]) -> Actor:
    """Whose token an entry of the tokens file is."""
    project = item.get("project")
    if project is None:
        return Actor(item["name"], item["role"], formerly=tuple(filter(None, [item.get("formerly")])))
    return Actor(item["name"], "", given=((project, item["role"]),) if item["role"] in PEOPLE else ())


async def _actor(request: Request) -> Actor:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    tokens: Tokens = request.app.state.services.tokens
    actor = await tokens.find(token.strip()) if scheme.lower() == "bearer" else None
    if actor is None:
        raise Unauthorized(
            "Send 'Authorization: Bearer <token>'. On a laptop `millrace up` prints where the token is kept; in a "
            "cluster make one: kubectl create token millrace-admin --audience millrace."
        )
    return actor


async def _acting(request: Request) -> Actor:
    """Who asks, in the role in which the route's permission was given."""
    found = getattr(request.state, "actor", None)
    return found if isinstance(found, Actor) else await _actor(request)


CurrentActor = Annotated[Actor, Depends(_acting)]


class Permit:
    """Dependency that lets only actors with *permission* pass; the route walk reads it.

    On a route that takes `Project` a role in that project is enough; on all others the role has to hold everywhere.
    """

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        if self.permission == PUBLIC:
            return
        request.state.permit = self
        actor, tokens = await _actor(request), request.app.state.services.tokens
        project = _project(request)
        request.state.actor = await tokens.rights.acting(actor, self.permission, project)
        acting.set(request.state.actor.author)


def _project(request: Request) -> str | None:
    """The project that a request is about; None for a route that is about none. Raises: BadInput if it names two."""
    if request.scope["endpoint"] not in request.app.state.of_projects:
        return None
    named = request.query_params.getlist("project")
    if len(named) > 1:
        raise BadInput(
            "The request names more than one project.", [FieldError("query.project", "twice", "name one")]
        )
    return named[0] if named else "default"


def permit(permission: str) -> Any:
    """The dependency for `dependencies=[permit("registry.models.read")]`."""
    return Depends(Permit(permission))


def permission_of(route: BaseRoute) -> str | None:
    """The permission a route declares, or None; a mount or websocket has none and is refused."""
    return next(_permissions(route.dependant), None) if isinstance(route, APIRoute) else None


def is_of_a_project(route: BaseRoute) -> bool:
    """Whether a route is about the project that `?project=` names."""
    return isinstance(route, APIRoute) and project_of_request in _calls(route.dependant)


def _permissions(dependant: Dependant) -> Iterator[str]:
    yield from (call.permission for call in _calls(dependant) if isinstance(call, Permit))


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for child in dependant.dependencies:
        yield from _calls(child)


def routes(app: FastAPI) -> Iterator[tuple[str, BaseRoute]]:
    """Every route of *app* with its path, also those of included routers."""
    for context in iter_route_contexts(app.routes):
        yield context.path or str(context.original_route), context.original_route


def check_routes(app: FastAPI) -> None:
    """Refuse to start with a route that nobody guards (RuntimeError names them); note which are about a project."""
    open_routes = [path for path, route in routes(app) if permission_of(route) is None]
    if open_routes:
        raise RuntimeError(f"routes without a permission: {', '.join(sorted(open_routes))}")
    known = [route for _, route in routes(app) if isinstance(route, APIRoute)]
    app.state.of_projects = frozenset(route.endpoint for route in known if is_of_a_project(route))
