"""SQL of runs: a loop's are copied from the registry's own and written by nobody else."""

import json
import uuid

from sqlalchemy import and_, case, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import KeyValue, invalid, now, of_loop, place
from millrace_registry.mlflow.experiments import queries as experiments
from millrace_registry.mlflow.filters import Comparison, conditions, orders
from millrace_registry.mlflow.runs.schemas import ParamValue, RunChange, RunNew, RunSearch, TagValue
from millrace_registry.mlflow.searching.queries import (
    Clause,
    Column,
    Space,
    clauses,
    is_lite,
    number,
    ordered,
    text,
)
from millrace_registry.mlflow.tables import (
    MlflowDataset,
    MlflowExperiment,
    MlflowInput,
    MlflowLatest,
    MlflowRun,
)
from millrace_registry.mlflow.texts import queries as texts

NAME = "mlflow.runName"
USER = "mlflow.user"
HISTORY = "mlflow.log-model.history"
ENDED = ("FINISHED", "FAILED", "KILLED")
STAGES = {"ACTIVE_ONLY": ("active",), "DELETED_ONLY": ("deleted",), "ALL": ("active", "deleted")}


async def get(session: AsyncSession, project: str, run: str, lock: bool = False) -> MlflowRun:
    """One run, locked until the transaction ends if asked. Raises NotFound."""
    found = await session.get(MlflowRun, run, with_for_update=lock) if 0 < len(run) <= 36 else None
    if found is None or found.project != project:
        raise NotFound(f"Run with id={run} not found in the project {project}.")
    return found


async def own(session: AsyncSession, project: str, run: str, active: bool = True) -> MlflowRun:
    """A run that users may write, locked. Raises: NotFound; Forbidden for one of a loop; BadInput for a deleted one."""
    found = await get(session, project, run, lock=True)
    if found.loop:
        raise of_loop(f"The run {run}", found.loop)
    if active and found.stage != "active":
        raise invalid(
            f"The run {run} must be in the 'active' state. Current state is {found.stage}: restore it first."
        )
    return found


async def create(session: AsyncSession, project: str, new: RunNew) -> MlflowRun:
    """A run that begins. Raises: NotFound, Forbidden, BadInput for an experiment that takes none."""
    experiment = await experiments.own(session, project, new.experiment_id)
    if experiment.stage != "active":
        raise invalid(f"The experiment {experiment.shown} must be in the 'active' state: restore it first.")
    tags = {item.key: item.value for item in new.tags}
    if new.run_name and tags.get(NAME, new.run_name) != new.run_name:
        raise invalid(f"Both 'run_name' and the tag '{NAME}' were given, and they differ: give one.")
    name = new.run_name or tags.get(NAME) or f"run-{uuid.uuid4().hex[:8]}"
    made = MlflowRun(
        id=uuid.uuid4().hex, project=project, experiment_id=experiment.id, name=name[:250], user=new.user_id,
        status="RUNNING", started=now() if new.start_time is None else new.start_time,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    told = tags | {NAME: name}
    await texts.put(
        session, texts.RUN, made.id, [KeyValue(key=key, value=value) for key, value in told.items()]
    )
    return made


async def change(session: AsyncSession, project: str, new: RunChange) -> MlflowRun:
    """Move the state, or give another name. Raises: NotFound, Forbidden, BadInput."""
    run = await own(session, project, new.id)
    if new.status is not None:
        run.status = new.status
    if new.end_time is not None:
        run.ended = new.end_time
    if new.run_name:
        run.name = new.run_name
        await texts.put(session, texts.RUN, run.id, [KeyValue(key=NAME, value=new.run_name)])
    await session.flush()
    return run


async def stage(session: AsyncSession, project: str, run: str, new: str) -> None:
    """Delete (to be restored) or restore a run."""
    (await own(session, project, run, active=False)).stage = new


async def tag(session: AsyncSession, run: MlflowRun, tags: list[TagValue]) -> None:
    """Set tags; the one with the run's name renames it."""
    await texts.put(session, texts.RUN, run.id, [KeyValue(key=item.key, value=item.value) for item in tags])
    for item in tags:
        if item.key == NAME:
            run.name = item.value[:250]
        elif item.key == USER:
            run.user = item.value[:256]


async def untag(session: AsyncSession, run: MlflowRun, key: str) -> None:
    """Remove a tag. Raises NotFound."""
    if not await texts.remove(session, texts.RUN, run.id, key):
        raise NotFound(f"No tag with name: {key} in run with id {run.id}")


async def log_params(session: AsyncSession, run: MlflowRun, params: list[ParamValue]) -> None:
    """Keep parameters, which are said once. Raises: BadInput for another value of one."""
    known = await texts.of(session, texts.PARAM, run.id) if params else {}
    for item in params:
        if known.setdefault(item.key, item.value) != item.value:
            raise invalid(
                f"Changing param values is not allowed. Param with key='{item.key}' was already logged with "
                f"value='{known[item.key]}' for run ID='{run.id}'. Attempted logging new value '{item.value}'."
            )
    await texts.put(
        session, texts.PARAM, run.id, [KeyValue(key=item.key, value=item.value) for item in params]
    )


def _metric(asked: Comparison, lite: bool) -> Clause:
    mine = (
        MlflowLatest.run_id == MlflowRun.id,
        MlflowLatest.key == asked.key,
        MlflowLatest.is_nan.is_(False),
    )
    return exists().where(*mine, number(MlflowLatest.value, asked, asked.value))


def _by_metric(key: str) -> list[Column]:
    """Numbers first, then NaN; whoever has none comes last."""
    mine = and_(MlflowLatest.run_id == MlflowRun.id, MlflowLatest.key == key)
    value = case((MlflowLatest.is_nan, None), else_=MlflowLatest.value)
    return [select(value).where(mine).scalar_subquery()]


def _dataset(asked: Comparison, lite: bool) -> Clause:
    columns = {"name": MlflowDataset.name, "digest": MlflowDataset.digest, "context": MlflowInput.context}
    if asked.key not in columns:
        raise invalid(f"Invalid dataset key '{asked.key}'. Valid ones: {', '.join(sorted(columns))}.")
    mine = (MlflowInput.run_id == MlflowRun.id, MlflowInput.dataset_id == MlflowDataset.id)
    return exists().where(*mine, text(columns[asked.key], asked, lite))


NAMES = ("run_name", "run name", "Run name", "Run Name")
TIMES = {"start_time": MlflowRun.started, "created": MlflowRun.started, "Created": MlflowRun.started}
SPACE = Space(
    attributes={
        "run_id": MlflowRun.id,
        "user_id": MlflowRun.user,
        "status": MlflowRun.status,
        "lifecycle_stage": MlflowRun.stage,
        "end_time": MlflowRun.ended,
        **dict.fromkeys(NAMES, MlflowRun.name),
        **TIMES,
    },
    numbers=frozenset({"end_time", *TIMES}),
    owner=MlflowRun.id,
    texts={"tag": texts.RUN, "param": texts.PARAM},
    others={"metric": _metric, "dataset": _dataset},
    sorted={"metric": _by_metric},
)


async def search(session: AsyncSession, project: str, asked: RunSearch) -> list[MlflowRun]:
    """One more than a page of runs of the experiments that are asked for, the last begun first."""
    folders = await _experiments(session, project, asked.experiment_ids)
    statement = select(MlflowRun).where(MlflowRun.project == project, MlflowRun.experiment_id.in_(folders))
    statement = statement.where(MlflowRun.stage.in_(STAGES[asked.run_view_type]))
    statement = statement.where(*clauses(SPACE, conditions(asked.filter), is_lite(session)))
    keys = ordered(SPACE, orders(asked.order_by))
    statement = statement.order_by(*keys, MlflowRun.started.desc(), MlflowRun.id)
    page = statement.offset(place(asked.page_token)).limit(asked.max_results + 1)
    return list((await session.scalars(page)).all())


async def _experiments(session: AsyncSession, project: str, shown: list[str]) -> list[int]:
    numbers = [int(item) for item in shown if item.isascii() and item.isdigit() and len(item) < 10]
    wanted = MlflowExperiment.id.in_(numbers) & MlflowExperiment.is_default.is_(False)
    if "0" in shown:
        wanted = wanted | MlflowExperiment.is_default
    statement = select(MlflowExperiment.id).where(MlflowExperiment.project == project, wanted)
    return list((await session.scalars(statement)).all())


async def shown_experiments(session: AsyncSession, runs: list[MlflowRun]) -> dict[int, str]:
    """The ids of the runs' experiments as clients know them."""
    wanted = MlflowExperiment.id.in_({run.experiment_id for run in runs})
    rows = (await session.scalars(select(MlflowExperiment).where(wanted))).all() if runs else ()
    return {row.id: row.shown for row in rows}


async def add_model(session: AsyncSession, run: MlflowRun, told: str) -> None:
    """Add a model's MLmodel, as JSON, to the tag in which older clients look for it. Raises: BadInput."""
    try:
        model = json.loads(told)
    except (ValueError, RecursionError) as error:
        raise invalid("The model's description is no JSON.") from error
    if not isinstance(model, dict) or not {"run_id", "artifact_path", "flavors"} <= set(model):
        raise invalid("A model's description has at least run_id, artifact_path and flavors.")
    kept = {name: value for name, value in model.items() if name != "signature"}
    tags = await texts.of(session, texts.RUN, run.id)
    history = [*_history(tags.get(HISTORY, "[]")), kept]
    await texts.put(session, texts.RUN, run.id, [KeyValue(key=HISTORY, value=json.dumps(history))])


def _history(told: str) -> list[object]:
    """The models that were logged before. Raises: BadInput if somebody has set the tag to something else."""
    try:
        known = json.loads(told)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, list):
        raise invalid(f"The tag {HISTORY} is no list in JSON, so no model can be added: remove the tag.")
    return known
