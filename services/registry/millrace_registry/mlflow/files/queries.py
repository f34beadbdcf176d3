"""SQL of files: labels of an owner, each with the digest of its bytes."""

from collections.abc import Mapping

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.models import ModelVersionRead
from millrace_core.errors import NotFound
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

MOST = 10_000
"""Files of one owner; a folder of more is not a model."""


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


async def everything(session: AsyncSession, project: str, place: Place) -> Mapping[str, tuple[str, int]]:
    """Digest and size by label, of all files of an owner."""
    if place.kind == "loop":
        return await _of_version(session, project, place)
    if place.kind == "run":
        run = await runs.get(session, project, place.owner)
        if run.loop:
            return await _of_loop_run(session, project, place)
    mine = (MlflowFile.owner == place.key, MlflowFile.project == project)
    rows = (
        await session.scalars(select(MlflowFile).where(*mine).order_by(MlflowFile.path).limit(MOST))
    ).all()
    return {row.path: (row.digest, row.size) for row in rows}


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
    if place.kind == "loop" or (place.kind == "run" and (await runs.get(session, project, place.owner)).loop):
        found = (await everything(session, project, place)).get(place.path)
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


def folder(files: Mapping[str, tuple[str, int]], path: str) -> list[FileTold]:
    """What lies directly in a folder, by name; a file that is asked for itself is the only one."""
    if path in files:
        return [FileTold(path=path, is_dir=False, file_size=files[path][1])]
    begin = f"{path}/" if path else ""
    found: dict[str, FileTold] = {}
    for name, (_, size) in files.items():
        if name.startswith(begin):
            first, _, rest = name[len(begin) :].partition("/")
            here = begin + first
            found[here] = FileTold(path=here, is_dir=bool(rest), file_size=None if rest else size)
    return [found[name] for name in sorted(found)]
