"""SQL of what may be adopted: the files of a version, where its run or logged model keeps them."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import of_loop
from millrace_registry.mlflow.files import queries as files
from millrace_registry.mlflow.files.paths import Place
from millrace_registry.mlflow.registered import queries


async def place(session: AsyncSession, project: str, name: str, number: int) -> Place:
    """Where a user's version keeps its files. Raises: NotFound; Forbidden for one of a loop."""
    model = await queries.get(session, project, name)
    found = queries.source((await queries.version(session, model, number)).source)
    if found.kind == "loop":
        raise of_loop(f"What version {number} of {name} is of", found.owner)
    return found


async def file(session: AsyncSession, project: str, root: Place, path: str) -> tuple[str, int] | None:
    """Digest and size of a file below *root*; None if there is none."""
    inside = f"{root.path}/{path}" if root.path else path
    try:
        return await files.one(session, project, replace(root, path=inside))
    except NotFound:
        return None
