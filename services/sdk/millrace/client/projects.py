# Written from millrace/aio/projects.py: change that, then `make clients`.
"""The registry's projects, and what the caller is in them; one method a route."""

from millrace.client.api import Api
from millrace.transport.requests import get, part, put
from millrace_contracts.artifacts import ProjectRead, ProjectWrite
from millrace_contracts.people import WhoRead


class Projects:
    """Projects. Every method raises ApiError when the registry refuses."""

    api: Api

    def put_project(self, name: str, description: str = "") -> ProjectRead:
        """Make a project, or change its description."""
        body = ProjectWrite(description=description)
        return self.api.answer(ProjectRead, put(f"/v1/projects/{part(name)}", body))

    def whoami(self, *, namespace: str | None = None, project: str | None = None) -> WhoRead:
        """Whom the token names, and their roles by project; also in *project*, or that of *namespace*."""
        return self.api.answer(WhoRead, get("/v1/whoami", project=project, namespace=namespace))

    def projects(self) -> list[ProjectRead]:
        """The projects in which the caller has a role, by name."""
        return self.api.every(ProjectRead, get("/v1/projects"))
