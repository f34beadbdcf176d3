"""SQL of users' registered models: numbers are never given twice, and what loops own is not here."""

from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import KeyValue, exists, invalid, of_loop
from millrace_registry.mlflow.experiments.queries import LOOPS
from millrace_registry.mlflow.files import queries as files
from millrace_registry.mlflow.files.paths import Place, label, parse
from millrace_registry.mlflow.logged import queries as logged
from millrace_registry.mlflow.registered.schemas import ModelNew, VersionNew
from millrace_registry.mlflow.tables import MlflowAlias, MlflowModel, MlflowVersion
from millrace_registry.mlflow.texts import queries as texts
from millrace_registry.projects.queries import ensure
from millrace_registry.tables import insert_new

STAGES = {"none": "None", "staging": "Staging", "production": "Production", "archived": "Archived"}
MOST = 2**31 - 1


def loop_of(name: str) -> str | None:
    """The loop whose model this name means, if any."""
    return name.removeprefix(LOOPS) if name.startswith(LOOPS) else None


def millis(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


async def get(session: AsyncSession, project: str, name: str, lock: bool = False) -> MlflowModel:
    """One registered model of a user. Raises: NotFound; Forbidden for one of a loop."""
    loop = loop_of(name)
    if loop is not None:
        raise of_loop(f"The registered model {name}", loop)
    statement = select(MlflowModel).where(MlflowModel.project == project, MlflowModel.name == name)
    found = (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()
    if found is None:
        raise NotFound(f"Registered Model with name={name} not found in the project {project}.")
    return found


async def create(session: AsyncSession, project: str, new: ModelNew) -> MlflowModel:
    """A new registered model. Raises: Conflict if the name is taken; BadInput for one that is a loop's."""
    _check_name(new.name)
    await ensure(session, project)
    facts = {"description": new.description, "latest": 0, "created": utcnow(), "updated": utcnow()}
    if not await insert_new(session, MlflowModel, project=project, name=new.name, **facts):
        raise exists(f"Registered Model (name={new.name})")
    made = await get(session, project, new.name)
    await texts.put(session, texts.MODEL, str(made.id), new.tags)
    return made


def _check_name(name: str) -> None:
    if name.startswith(LOOPS):
        raise invalid(f"Names that begin with '{LOOPS}' are those of loops' models: choose another.")
    if name in (".", ".."):
        raise invalid(f"Invalid model name '{name}'.")


async def rename(session: AsyncSession, project: str, name: str, new: str) -> MlflowModel:
    """Another name. Raises: NotFound, Conflict, BadInput."""
    found = await get(session, project, name, lock=True)
    _check_name(new)
    taken = select(MlflowModel.id).where(MlflowModel.project == project, MlflowModel.name == new)
    if (await session.scalars(taken)).first() not in (None, found.id):
        raise exists(f"Registered Model (name={new})")
    found.name, found.updated = new, utcnow()
    await session.flush()
    return found


async def remove(session: AsyncSession, project: str, name: str) -> None:
    """Remove a registered model with its versions; their files stay with their runs. Raises NotFound."""
    found = await get(session, project, name, lock=True)
    for number in (await session.scalars(select(MlflowVersion.number).filter_by(model_id=found.id))).all():
        await texts.remove(session, texts.VERSION, f"{found.id}/{number}")
    await texts.remove(session, texts.MODEL, str(found.id))
    await session.execute(delete(MlflowAlias).where(MlflowAlias.model_id == found.id))
    await session.execute(delete(MlflowVersion).where(MlflowVersion.model_id == found.id))
    await session.delete(found)


async def version(session: AsyncSession, model: MlflowModel, number: int) -> MlflowVersion:
    """One version. Raises NotFound."""
    found = await session.get(MlflowVersion, (model.id, number))
    if found is None:
        raise NotFound(f"Model Version (name={model.name}, version={number}) not found")
    return found


async def add(
    session: AsyncSession, project: str, new: VersionNew, user: str
) -> tuple[MlflowModel, MlflowVersion]:
    """A version under the next number. Raises: NotFound; BadInput for files that do not lie here."""
    model = await get(session, project, new.name, lock=True)
    place = await _source(session, project, new)
    run = new.run_id
    if place.kind == "model" and not run:
        run = (await logged.get(session, project, place.owner)).run_id
    if place.kind == "run" and run and run != place.owner:
        raise invalid(f"The source '{new.source}' is not of the run {run}.")
    model.latest, model.updated = model.latest + 1, utcnow()
    made = MlflowVersion(
        model_id=model.id, number=model.latest, source=new.source, run_id=run, run_link=new.run_link,
        logged_id=place.owner if place.kind == "model" else "", description=new.description, user=user,
        stage="None", created=model.updated, updated=model.updated,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    await texts.put(session, texts.VERSION, f"{model.id}/{made.number}", new.tags)
    return model, made


async def _source(session: AsyncSession, project: str, new: VersionNew) -> Place:
    """The files that a version is of, which must lie here. Raises: NotFound, BadInput."""
    place = source(new.source)
    if new.model_id and (place.kind, place.owner) != ("model", new.model_id):
        raise invalid(f"The source '{new.source}' is not that of the logged model {new.model_id}.")
    await files.check(session, project, place)
    return place


def source(told: str) -> Place:
    """The place that a source names. Raises: NotFound; BadInput for one that is not here."""
    try:
        scheme, _, path, _, _ = urlsplit(told)
    except ValueError:
        scheme = path = ""
    cut = path.strip("/")
    if scheme == "mlflow-artifacts":
        return parse(cut)
    if scheme == "models" and cut.startswith("m-"):
        return Place("model", cut.partition("/")[0], label(cut.partition("/")[2]))
    if scheme == "runs" and cut:
        return Place("run", cut.partition("/")[0], label(cut.partition("/")[2]))
    raise invalid(
        f"Invalid model version source: '{told[:300]}'. A version is of files that lie here: log the model to a run "
        "first (mlflow.<flavor>.log_model), then register 'runs:/…', 'models:/m-…' or 'mlflow-artifacts:/…'."
    )


async def remove_version(session: AsyncSession, model: MlflowModel, number: int) -> None:
    """Remove a version and the aliases that point to it; its number is not given again. Raises NotFound."""
    found = await version(session, model, number)
    pointing = (MlflowAlias.model_id == model.id, MlflowAlias.number == number)
    await session.execute(delete(MlflowAlias).where(*pointing))
    await texts.remove(session, texts.VERSION, f"{model.id}/{number}")
    await session.delete(found)
    model.updated = utcnow()


async def point(session: AsyncSession, model: MlflowModel, alias: str, number: int) -> None:
    """Point an alias at a version. Raises: NotFound, BadInput."""
    if alias.lower() == "latest" or (alias[:1] in "vV" and alias[1:].isdigit()):
        raise invalid(f"The alias name '{alias}' is reserved: it means a version by itself.")
    await version(session, model, number)
    if not await insert_new(session, MlflowAlias, model_id=model.id, name=alias, number=number):
        same = (MlflowAlias.model_id == model.id, MlflowAlias.name == alias)
        await session.execute(update(MlflowAlias).where(*same).values(number=number))


async def unpoint(session: AsyncSession, model: MlflowModel, alias: str) -> None:
    """Remove an alias; one that is not there is gone already."""
    same = (MlflowAlias.model_id == model.id, MlflowAlias.name == alias)
    await session.execute(delete(MlflowAlias).where(*same))


async def aliases(session: AsyncSession, model: MlflowModel) -> dict[str, int]:
    """Where each alias points."""
    statement = select(MlflowAlias).where(MlflowAlias.model_id == model.id).order_by(MlflowAlias.name)
    return {row.name: row.number for row in (await session.scalars(statement)).all()}


async def move(
    session: AsyncSession, model: MlflowModel, number: int, stage: str, archive: bool
) -> MlflowVersion:
    """Move a version to a stage; *archive* the others that are there. Raises: NotFound, BadInput."""
    new = canonical(stage)
    if archive and new not in ("Staging", "Production"):
        raise invalid(f"archive_existing_versions is for the stages Staging and Production, not {new}.")
    found = await version(session, model, number)
    at = utcnow()
    if archive:
        others = (
            MlflowVersion.model_id == model.id,
            MlflowVersion.stage == new,
            MlflowVersion.number != number,
        )
        await session.execute(update(MlflowVersion).where(*others).values(stage="Archived", updated=at))
    found.stage = new
    found.updated = model.updated = at
    await session.flush()
    return found


def canonical(stage: str) -> str:
    """A stage as MLflow writes it. Raises BadInput."""
    if stage.lower() not in STAGES:
        raise invalid(
            f"Invalid Model Version stage: {stage}. Value must be one of {', '.join(STAGES.values())}."
        )
    return STAGES[stage.lower()]


async def newest(session: AsyncSession, model: MlflowModel, stages: list[str]) -> list[MlflowVersion]:
    """The newest version of each stage that has one."""
    wanted = [canonical(stage) for stage in stages] or list(STAGES.values())
    statement = select(MlflowVersion).where(
        MlflowVersion.model_id == model.id, MlflowVersion.stage.in_(wanted)
    )
    rows = (await session.scalars(statement.order_by(MlflowVersion.number))).all()
    return sorted({row.stage: row for row in rows}.values(), key=lambda row: row.number)


async def tag_model(session: AsyncSession, model: MlflowModel, key: str, value: str | None) -> None:
    """Set a tag, or remove it (None)."""
    await _tag(session, texts.MODEL, str(model.id), key, value)


async def tag_version(
    session: AsyncSession, model: MlflowModel, number: int, key: str, value: str | None
) -> None:
    """Set a tag of a version, or remove it (None). Raises NotFound."""
    await version(session, model, number)
    await _tag(session, texts.VERSION, f"{model.id}/{number}", key, value)


async def _tag(session: AsyncSession, kind: str, owner: str, key: str, value: str | None) -> None:
    if value is None:
        await texts.remove(session, kind, owner, key)
    else:
        await texts.put(session, kind, owner, [KeyValue(key=key, value=value)])


async def describe(session: AsyncSession, project: str, name: str, description: str) -> None:
    """Describe a registered model anew."""
    found = await get(session, project, name)
    found.description, found.updated = description, utcnow()
    await session.flush()


async def describe_version(session: AsyncSession, model: MlflowModel, number: int, description: str) -> None:
    """Describe a version anew."""
    found = await version(session, model, number)
    found.description, found.updated = description, utcnow()
    await session.flush()
