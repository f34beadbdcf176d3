"""The registry's projects, and what the caller is in them; one method a route."""

from millrace.aio.api import AsyncApi
from millrace.transport.requests import get, part, put
from millrace_contracts.artifacts import ProjectRead, ProjectWrite
from millrace_contracts.people import WhoRead


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

    async def projects(self) -> list[ProjectRead]:
        """The projects in which the caller has a role, by name."""
        return await self.api.every(ProjectRead, get("/v1/projects"))
