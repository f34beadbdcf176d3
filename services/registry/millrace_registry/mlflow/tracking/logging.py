"""What runs log over HTTP: metrics, parameters, tags, what they read and made."""

from millrace_core.database import Session
from millrace_core.names import Project
from millrace_registry.mlflow.answers import Nothing
from millrace_registry.mlflow.doors import WRITE, Doors
from millrace_registry.mlflow.inputs import queries as inputs
from millrace_registry.mlflow.inputs.schemas import InputsOf, OutputsOf
from millrace_registry.mlflow.metrics import queries as metrics
from millrace_registry.mlflow.runs import queries
from millrace_registry.mlflow.runs.schemas import Batch, MetricOf, MlflowModelLogged, ParamOf, TagGone, TagOf

router = Doors()


@router.post("/runs/log-metric", dependencies=[WRITE])
async def log_metric(body: MetricOf, session: Session, project: Project) -> Nothing:
    """Keep one value."""
    run = await queries.own(session, project, body.id)
    await inputs.check(session, project, {body.model_id} - {""})
    await metrics.log(session, run.id, [body])
    return Nothing()


@router.post("/runs/log-parameter", dependencies=[WRITE])
async def log_parameter(body: ParamOf, session: Session, project: Project) -> Nothing:
    """Keep one parameter."""
    run = await queries.own(session, project, body.id)
    await queries.log_params(session, run, [body])
    return Nothing()


@router.post("/runs/set-tag", dependencies=[WRITE])
async def set_tag(body: TagOf, session: Session, project: Project) -> Nothing:
    """Set one tag."""
    run = await queries.own(session, project, body.id)
    await queries.tag(session, run, [body])
    return Nothing()


@router.post("/runs/delete-tag", dependencies=[WRITE])
async def delete_tag(body: TagGone, session: Session, project: Project) -> Nothing:
    """Remove one tag."""
    run = await queries.own(session, project, body.id)
    await queries.untag(session, run, body.key)
    return Nothing()


@router.post("/runs/log-batch", dependencies=[WRITE])
async def log_batch(body: Batch, session: Session, project: Project) -> Nothing:
    """Keep much at once: all of it, or nothing."""
    run = await queries.own(session, project, body.id)
    await inputs.check(session, project, {item.model_id for item in body.metrics} - {""})
    await queries.log_params(session, run, body.params)
    await metrics.log(session, run.id, body.metrics)
    await queries.tag(session, run, body.tags)
    return Nothing()


@router.post("/runs/log-inputs", dependencies=[WRITE])
async def log_inputs(body: InputsOf, session: Session, project: Project) -> Nothing:
    """Keep what a run read."""
    run = await queries.own(session, project, body.id)
    await inputs.read(session, run, body.datasets)
    await inputs.link(session, project, run, [(item.model_id, 0) for item in body.models], "input")
    return Nothing()


@router.post("/runs/outputs", dependencies=[WRITE])
async def log_outputs(body: OutputsOf, session: Session, project: Project) -> Nothing:
    """Keep which logged models a run made."""
    run = await queries.own(session, project, body.id)
    await inputs.link(session, project, run, [(item.model_id, item.step) for item in body.models], "output")
    return Nothing()


@router.post("/runs/log-model", dependencies=[WRITE])
async def log_model(body: MlflowModelLogged, session: Session, project: Project) -> Nothing:
    """Keep that a run logged a model, as older clients tell it: in the tag of the models' history."""
    run = await queries.own(session, project, body.id)
    await queries.add_model(session, run, body.mlmodel_json)
    return Nothing()
