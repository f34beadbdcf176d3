"""SQL of files: labels of an owner, each with the digest of its bytes."""

from collections.abc import Mapping

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.models import ModelVersionRead
from millrace_core.errors import BadInput, NotFound
from millrace_registry.artifacts.queries import get as artifact
from millrace_registry.artifacts.queries import hold
from millrace_registry.mlflow.answers import of_loop
from millrace_registry.mlflow.files import mlmodel
from millrace_registry.mlflow.files.paths import Place
from millrace_registry.mlflow.files.schemas import FileTold
from millrace_registry.mlflow.runs import queries as runs
from millrace_registry.mlflow.tables import MlflowFile, MlflowLoggedModel
from millrace_registry.models import queries as models
from millrace_registry.tables import Run

MOST = 100_000
"""What one folder may hold directly so that it is listed: MLflow's clients know no pages of a listing."""
AT_ONCE = 5000
"""Rows of a listing that are held at a time."""


async def check(session: AsyncSession, project: str, place: Place, write: bool = False) -> None:
    """That the owner is there, and may be written by users if asked. Raises: NotFound, Forbidden, BadInput."""
    if place.kind == "loop":
        if write:
            raise of_loop(f"The version {place.number} of {place.owner}", place.owner)
        await _version(session, project, place)
    elif place.kind == "run":
        await (runs.own if write else runs.get)(session, project, place.owner)
    else:
        found = await session.get(MlflowLoggedModel, place.owner)
        if found is None or found.project != project:
            raise NotFound(f"Logged model with ID '{place.owner}' not found in the project {project}.")


async def put(session: AsyncSession, project: str, place: Place, digest: str, size: int) -> None:
    """Give bytes a label; a label that is there gets the new bytes."""
    await hold(session)
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = {"owner": place.key, "path": place.path, "project": project, "digest": digest, "size": size}
    new = dialect.insert(MlflowFile).values(row)
    same = [MlflowFile.owner, MlflowFile.path]
    await session.execute(
        new.on_conflict_do_update(index_elements=same, set_={"digest": digest, "size": size})
    )


async def listed(session: AsyncSession, project: str, place: Place) -> list[FileTold]:
    """What lies directly in a folder, by name; a file that is asked for itself is the only one.

    Raises: BadInput for a folder with more in it than one answer holds.
    """
    known, folder = await _of_loops(session, project, place), Folder(place.path)
    if known is not None:
        for path, (_, size) in known.items():
            folder.add(path, size)
        return folder.told()
    inside = MlflowFile.path.startswith(folder.begin, autoescape=True)
    named = or_(MlflowFile.path == place.path, inside) if place.path else MlflowFile.path != ""
    mine = (MlflowFile.owner == place.key, MlflowFile.project == project, named)
    rows = await session.stream(
        select(MlflowFile.path, MlflowFile.size).where(*mine), execution_options={"yield_per": AT_ONCE}
    )
    async for path, size in rows:
        folder.add(path, size)
        if len(folder.found) > MOST:
            words = f"The folder '{place.path[:300]}' holds more than {MOST:,} files and folders, and is not listed."
            raise BadInput(f"{words} List a folder inside it, or read a file by its path.")
    return folder.told()


async def _of_loops(
    session: AsyncSession, project: str, place: Place
) -> Mapping[str, tuple[str, int]] | None:
    """Digest and size by label, of what a loop made; None for what a user did."""
    if place.kind == "loop":
        return await _of_version(session, project, place)
    if place.kind == "run" and (await runs.get(session, project, place.owner)).loop:
        return await _of_loop_run(session, project, place)
    return None


async def _of_loop_run(session: AsyncSession, project: str, place: Place) -> Mapping[str, tuple[str, int]]:
    run = await session.get(Run, place.owner)
    return await _sizes(session, project, {} if run is None else run.artifacts)


async def _of_version(session: AsyncSession, project: str, place: Place) -> Mapping[str, tuple[str, int]]:
    version = await _version(session, project, place)
    files, written = await _sizes(session, project, version.files.by_name()), mlmodel.text(version)
    return files if written is None else {**files, mlmodel.NAME: ("", len(written))}


async def _version(session: AsyncSession, project: str, place: Place) -> ModelVersionRead:
    model = await models.get(session, project, place.owner)
    return models.read(model, await models.version(session, model, place.number))


async def written(session: AsyncSession, project: str, place: Place) -> bytes | None:
    """A file that is stored nowhere and written when it is asked for: MLmodel of a loop's version; else None."""
    if place.kind != "loop" or place.path != mlmodel.NAME:
        return None
    return mlmodel.text(await _version(session, project, place))


async def _sizes(
    session: AsyncSession, project: str, digests: Mapping[str, str]
) -> Mapping[str, tuple[str, int]]:
    found = {}
    for name, digest in sorted(digests.items()):
        found[name] = (digest, (await artifact(session, project, digest)).size)
    return found


async def one(session: AsyncSession, project: str, place: Place) -> tuple[str, int]:
    """Digest and size of one file. Raises NotFound."""
    known = await _of_loops(session, project, place)
    if known is not None:
        found = known.get(place.path)
    else:
        row = await session.get(MlflowFile, (place.key, place.path))
        found = None if row is None or row.project != project else (row.digest, row.size)
    if found is None:
        raise NotFound(f"No such artifact: '{place.path}' of the {place.kind} {place.owner}.")
    return found


async def remove(session: AsyncSession, project: str, place: Place) -> None:
    """Take labels away: a file's, or all of a folder; the bytes stay until retention finds that nothing names them."""
    inside = MlflowFile.path.startswith(place.path + "/", autoescape=True)
    named = or_(MlflowFile.path == place.path, inside) if place.path else MlflowFile.path != ""
    mine = (MlflowFile.owner == place.key, MlflowFile.project == project, named)
    await session.execute(delete(MlflowFile).where(*mine))


class Folder:
    """What lies directly in a folder, gathered from the labels of all files below it."""

    def __init__(self, path: str) -> None:
        self.path, self.begin = path, f"{path}/" if path else ""
        self.found: dict[str, FileTold] = {}

    def add(self, name: str, size: int) -> None:
        """A file, wherever it lies; the folder may be the file itself, which then is the only one."""
        if name == self.path:
            self.found[name] = FileTold(path=name, is_dir=False, file_size=size)
        elif name.startswith(self.begin):
            first, _, rest = name[len(self.begin) :].partition("/")
            here = self.begin + first
            self.found[here] = FileTold(path=here, is_dir=bool(rest), file_size=None if rest else size)

    def told(self) -> list[FileTold]:
        if self.path in self.found:
            return [self.found[self.path]]
        return [self.found[name] for name in sorted(self.found)]
