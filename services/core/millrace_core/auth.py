"""Who may do what: bearer tokens, roles as data, and a permission on every route.

A token's SHA-256 stands in the tokens file: `{"tokens": [{"name": "user", "role": "admin", "sha256": "…"}]}`; tokens
that others sign are checked by `millrace_core.identity`.
A route without a permission stops the service from starting (`check_routes`).
"""

import asyncio
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from millrace_core.errors import Forbidden, Unauthorized
from millrace_core.identity import Issuers

PUBLIC = "public"
"""Permission of the few routes that need no token: liveness and readiness."""

ROLES: dict[str, tuple[str, ...]] = {
    "admin": ("*",),
    "viewer": ("*.read",),
    "prometheus": ("metrics.read",),
    "gateway": ("serving.discovery.read", "serving.refusals.read", "monitoring.logs.write"),
    "registry": ("registry.*",),
    "training": (
        "training.*",
        "registry.*",
        "monitoring.*.read",
        "monitoring.logs.write",
        "controller.loops.read",
    ),
    "serving": ("serving.*", "registry.*.read", "registry.decisions.write", "monitoring.*.read"),
    "monitoring": (
        "monitoring.*",
        "registry.*.read",
        "registry.artifacts.write",
        "registry.decisions.write",
        "serving.*.read",
    ),
    "controller": ("*",),
    "triton": ("registry.models.read", "registry.artifacts.read"),
    "measure": ("registry.models.read", "registry.artifacts.read", "serving.measurements.write"),
    "job": (
        "training.workspace.*",
        "training.jobs.read",
        "registry.*",
        "monitoring.*.read",
        "monitoring.logs.write",
    ),
    "pipeline": (
        "controller.loops.read",
        "controller.runs.*",
        "training.*",
        "registry.*",
        "serving.*.read",
        "monitoring.*.read",
    ),
    "backtest": (
        "controller.loops.*",
        "controller.runs.read",
        "controller.backtests.*",
        "training.jobs.*",
        "registry.*.read",
        "registry.artifacts.write",
        "serving.*.read",
        "monitoring.*.read",
        "monitoring.logs.write",
        "monitoring.labels.write",
    ),
}
"""Role to permission patterns; a permission is `<service>.<noun>.<read|write>`."""


@dataclass(frozen=True)
class Actor:
    """Who sent the request: the token's name and role.

    *pod*: the pod that a signed token was given to, empty if it was given to none; None for a token of the file.
    """

    name: str
    role: str
    pod: str | None = field(default=None, compare=False)

    def may(self, permission: str) -> bool:
        return _may(self.role, permission)


@lru_cache(4096)
def _may(role: str, permission: str) -> bool:
    return any(fnmatchcase(permission, pattern) for pattern in ROLES.get(role, ()))


SERVICES = ("registry", "training", "serving", "monitoring", "controller", "gateway")
"""Roles of Millrace's own parts: in decisions they go by these names wherever they run."""


class Tokens:
    """The tokens file, read again when it changes, and the tokens of other issuers."""

    def __init__(self, path: Path | None, issuers: Path | None = None) -> None:
        self.path = path
        self.issuers = Issuers(issuers)
        self._stamp: tuple[int, int] | None = None
        self._actors: dict[str, Actor] = {}

    def actor(self, token: str) -> Actor | None:
        """Whose *token* this is, or None. Raises: Unavailable while its issuer cannot be asked; may wait for it."""
        identity = self.issuers.identity(token)
        if identity is not None:
            name = identity.role if identity.role in SERVICES else identity.name
            return Actor(name, identity.role, identity.pod)
        self._refresh()
        digest = hashlib.sha256(token.encode()).hexdigest()
        return next(
            (actor for taken, actor in self._actors.items() if hmac.compare_digest(taken, digest)), None
        )

    async def find(self, token: str) -> Actor | None:
        """The same for the event loop: only a token that an issuer may know is worth a thread."""
        if self.issuers.may_know(token):
            return await asyncio.to_thread(self.actor, token)
        return self.actor(token)

    def _refresh(self) -> None:
        try:
            stat = os.stat(self.path or "")
        except OSError:
            self._actors, self._stamp = {}, None
            return
        if self._stamp != (stat.st_mtime_ns, stat.st_size):
            entries = json.loads(Path(self.path or "").read_text())["tokens"]
            self._actors = {item["sha256"]: Actor(item["name"], item["role"]) for item in entries}
            self._stamp = (stat.st_mtime_ns, stat.st_size)


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


CurrentActor = Annotated[Actor, Depends(_actor)]


class Permit:
    """Dependency that lets only actors with *permission* pass; the route walk reads it."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        if self.permission == PUBLIC:
            return
        actor = await _actor(request)
        if not actor.may(self.permission):
            raise Forbidden(
                f"The token '{actor.name}' (role {actor.role}) lacks the permission {self.permission}."
            )


def permit(permission: str) -> Any:
    """The dependency for `dependencies=[permit("registry.models.read")]`."""
    return Depends(Permit(permission))


def permission_of(route: BaseRoute) -> str | None:
    """The permission a route declares, or None; a mount or websocket has none and is refused."""
    return next(_permissions(route.dependant), None) if isinstance(route, APIRoute) else None


def _permissions(dependant: Dependant) -> Iterator[str]:
    if isinstance(dependant.call, Permit):
        yield dependant.call.permission
    for child in dependant.dependencies:
        yield from _permissions(child)


def routes(app: FastAPI) -> Iterator[tuple[str, BaseRoute]]:
    """Every route of *app* with its path, also those of included routers."""
    for context in iter_route_contexts(app.routes):
        yield context.path or str(context.original_route), context.original_route


def check_routes(app: FastAPI) -> None:
    """Refuse to start with a route that nobody guards (RuntimeError names them)."""
    open_routes = [path for path, route in routes(app) if permission_of(route) is None]
    if open_routes:
        raise RuntimeError(f"routes without a permission: {', '.join(sorted(open_routes))}")
