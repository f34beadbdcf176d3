"""Refuses requests for names that a service does not go by, and says how a name is made known to it."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from millrace_core.errors import problem

LONGEST = 100


class KnownHosts:
    """A page of somebody else's, or a name server that lies, gets no answer from a service on this machine."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self.app, self.any = app, "*" in allowed
        self.names = {name for name in allowed if not name.startswith("*")}
        self.endings = tuple(name[1:] for name in allowed if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._known(name := _name(scope)):
            return await self.app(scope, receive, send)
        words = (
            f"This service does not go by the name {name[:LONGEST]!r}. Call it by a name that it answers to, or make "
            "this one known: under gateway.hosts in the chart's values, or in MILLRACE_ALLOWED_HOSTS of a service."
        )
        await problem(400, "Unknown host", words)(scope, receive, send)

    def _known(self, name: str) -> bool:
        return self.any or name in self.names or name.endswith(self.endings or ("\n",))


def _name(scope: Scope) -> str:
    """The name in the Host header, without its port."""
    return Headers(scope=scope).get("host", "").split(":")[0]
