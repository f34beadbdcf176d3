"""The registry's projects, and what the caller is in them; one method a route."""

from millrace.aio.api import AsyncApi
from millrace.transport.requests import Call, delete, get, part, post, put, written
from millrace_contracts.artifacts import ProjectRead, ProjectWrite
from millrace_contracts.people import TokenAsk, TokenMade, TokenRead, TokenStanding, TokenWrite, WhoRead

STANDING_SECONDS = 2.0
"""How long a service waits to hear what a token opens."""


class AsyncProjects:
    """Projects. Every method raises ApiError when the registry refuses."""

    api: AsyncApi

    async def put_project(self, name: str, description: str = "") -> ProjectRead:
        """Make a project, or change its description."""
        body = ProjectWrite(description=description)
        return await self.api.answer(ProjectRead, put(f"/v1/projects/{part(name)}", body))

    async def whoami(self, *, namespace: str | None = None, project: str | None = None) -> WhoRead:
        """Whom the token names, and their roles by project; also in *project*, or that of *namespace*."""
        return await self.api.answer(WhoRead, get("/v1/whoami", project=project, namespace=namespace))

    async def make_token(self, wanted: TokenWrite) -> TokenMade:
        """A token for a program of one's own; it is shown this once. Raises: ApiError 403 for more than one may."""
        return await self.api.answer(TokenMade, post("/v1/tokens", wanted, retry=False))

    async def tokens(self, everybodys: bool = False) -> list[TokenRead]:
        """One's own tokens, the ended ones last; or, for an admin everywhere, everybody's."""
        return await self.api.answer(list[TokenRead], get("/v1/tokens", everybodys=everybodys or None))

    async def revoke_token(self, id: str) -> None:
        """Let a token open nothing any more: within three seconds nowhere."""
        await self.api.send(delete(f"/v1/tokens/{part(id)}"))

    async def standing_token(self, sha256: str) -> TokenStanding:
        """What a token opens now, by its SHA-256. For services. Raises: ApiError 404: nothing."""
        path, body = "/v1/tokens:standing", written(TokenAsk(sha256=sha256))
        call = Call("POST", path, json=body, timeout=STANDING_SECONDS, retry=False)
        return await self.api.answer(TokenStanding, call)

    async def projects(self) -> list[ProjectRead]:
        """The projects in which the caller has a role, by name."""
        return await self.api.every(ProjectRead, get("/v1/projects"))
