"""SQL of experiments: a project's default one has the id 0 there, and a loop's is written by the loop alone."""

from sqlalchemy import String, cast, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import exists, invalid, now, of_loop, place
from millrace_registry.mlflow.experiments.schemas import ExperimentNew, ExperimentSearch
from millrace_registry.mlflow.filters import conditions, orders
from millrace_registry.mlflow.searching.queries import Space, clauses, is_lite, ordered
from millrace_registry.mlflow.tables import MlflowExperiment, MlflowRun
from millrace_registry.mlflow.texts import queries as texts
from millrace_registry.projects.queries import ensure
from millrace_registry.tables import insert_new

LOOPS = "loop."
"""How the names of what loops own begin; a user's own may not."""
ROW = MlflowExperiment
STAGES = {"ACTIVE_ONLY": ("active",), "DELETED_ONLY": ("deleted",), "ALL": ("active", "deleted")}
SPACE = Space(
    attributes={
        "name": ROW.name,
        "creation_time": ROW.created,
        "last_update_time": ROW.updated,
        "experiment_id": ROW.id,
    },
    numbers=frozenset({"creation_time", "last_update_time", "experiment_id"}),
    owner=cast(ROW.id, String),
    texts={"tag": texts.EXPERIMENT},
)


async def default(session: AsyncSession, project: str) -> MlflowExperiment:
    """The project's default experiment, made now if it is new."""
    mine = select(ROW).where(ROW.project == project, ROW.is_default)
    found = (await session.scalars(mine)).one_or_none()
    if found is None:
        await ensure(session, project)
        await _insert(session, project, "Default", is_default=True)
        found = (await session.scalars(mine)).one()
    return found


async def _insert(
    session: AsyncSession, project: str, name: str, is_default: bool = False, loop: str = ""
) -> bool:
    at = now()
    facts = {"stage": "active", "created": at, "updated": at, "is_default": is_default, "loop": loop}
    return await insert_new(session, ROW, project=project, name=name, **facts)


async def of_the_loop(session: AsyncSession, project: str, loop: str) -> MlflowExperiment:
    """The experiment of a loop, made now if it is new."""
    mine = select(ROW).where(ROW.project == project, ROW.name == LOOPS + loop)
    found = (await session.scalars(mine)).one_or_none()
    if found is None:
        await _insert(session, project, LOOPS + loop, loop=loop)
        found = (await session.scalars(mine)).one()
    return found


async def get(session: AsyncSession, project: str, shown: str) -> MlflowExperiment:
    """One experiment by the id that clients know. Raises NotFound."""
    if shown == "0":
        return await default(session, project)
    number = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 10 else -1
    found = await session.get(ROW, number)
    if found is None or found.project != project or found.is_default:
        raise NotFound(f"No Experiment with id={shown} exists in the project {project}.")
    return found


async def named(session: AsyncSession, project: str, name: str) -> MlflowExperiment:
    """One experiment by its name. Raises NotFound."""
    if name == "Default":
        await default(session, project)
    statement = select(ROW).where(ROW.project == project, ROW.name == name)
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise NotFound(f"Could not find experiment with name '{name}' in the project {project}.")
    return found


async def own(session: AsyncSession, project: str, shown: str) -> MlflowExperiment:
    """An experiment that users may write. Raises: NotFound; Forbidden for one of a loop."""
    found = await get(session, project, shown)
    if found.loop:
        raise of_loop(f"The experiment {found.name}", found.loop)
    return found


async def create(session: AsyncSession, project: str, new: ExperimentNew) -> MlflowExperiment:
    """A new experiment. Raises: Conflict if the name is taken; BadInput for a name or place that cannot be."""
    _check_name(new.name)
    if new.artifact_location:
        raise invalid("Files are kept by Millrace, which chooses where: leave artifact_location out.")
    await default(session, project)
    if not await _insert(session, project, new.name):
        raise exists(f"Experiment(name={new.name})")
    made = await named(session, project, new.name)
    await texts.put(session, texts.EXPERIMENT, str(made.id), new.tags)
    return made


def _check_name(name: str) -> None:
    if name.startswith(LOOPS):
        raise invalid(f"Names that begin with '{LOOPS}' are those of loops' experiments: choose another.")


async def rename(session: AsyncSession, project: str, shown: str, name: str) -> None:
    """Another name. Raises: Conflict if it is taken."""
    found = await own(session, project, shown)
    _check_name(name)
    if found.stage != "active":
        raise invalid("Cannot rename an experiment that is deleted: restore it first.")
    taken = select(ROW.id).where(ROW.project == project, ROW.name == name, ROW.id != found.id)
    if (await session.scalars(taken)).first() is not None:
        raise exists(f"Experiment(name={name})")
    found.name, found.updated = name, now()
    await session.flush()


async def stage(session: AsyncSession, project: str, shown: str, new: str) -> None:
    """Delete (to be restored) or restore an experiment with its runs."""
    found = await own(session, project, shown)
    if found.is_default:
        raise invalid("The default experiment of a project stays.")
    if found.stage == new:
        raise NotFound(f"No Experiment with id={shown} that could become {new} exists.")
    found.stage, found.updated = new, now()
    await session.execute(update(MlflowRun).where(MlflowRun.experiment_id == found.id).values(stage=new))


async def search(session: AsyncSession, project: str, asked: ExperimentSearch) -> list[MlflowExperiment]:
    """One more than a page of experiments, newest first unless asked otherwise."""
    lite, begin = is_lite(session), place(asked.page_token)
    statement = select(ROW).where(ROW.project == project, ROW.stage.in_(STAGES[asked.view_type]))
    statement = statement.where(*clauses(SPACE, conditions(asked.filter), lite))
    keys = ordered(SPACE, orders(asked.order_by))
    statement = statement.order_by(*keys, *([] if keys else [ROW.created.desc()]), ROW.id.desc())
    return list((await session.scalars(statement.offset(begin).limit(asked.max_results + 1))).all())


async def untag(session: AsyncSession, experiment: MlflowExperiment, key: str) -> None:
    """Remove a tag. Raises NotFound."""
    if not await texts.remove(session, texts.EXPERIMENT, str(experiment.id), key):
        raise NotFound(f"No tag with key '{key}' on experiment {experiment.shown}.")
