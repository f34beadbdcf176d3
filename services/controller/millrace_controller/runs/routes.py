"""Loop runs over HTTP: read by people, told by pipeline steps."""

import asyncio
import time
from datetime import datetime
from typing import Any

from fastapi import APIRouter, BackgroundTasks, FastAPI, Request

from millrace.client.transport import ApiError
from millrace.decisions import decision
from millrace.loop import ModelLoop
from millrace_contracts.learning import EvaluateResult
from millrace_controller.bell import tell
from millrace_controller.clock.day import closed
from millrace_controller.gates.judge import judge
from millrace_controller.loops import queries as loops
from millrace_controller.loops.routes import Wait
from millrace_controller.runs import plan, queries
from millrace_controller.runs.schemas import (
    GateWrite,
    RefusalWrite,
    RolloutWrite,
    RunRead,
    StepName,
    StepWrite,
)
from millrace_controller.runs.states import BUSY, State
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.auth import permit
from millrace_core.database import Session, utcnow
from millrace_core.errors import BadInput, Conflict
from millrace_core.names import Name, Project
from millrace_core.outbox import decide
from millrace_core.pages import Cursor, Limit, Page, decode, paginate

router = APIRouter(prefix="/v1/loops/{loop}/runs", tags=["runs"])
READ, WRITE = permit("controller.runs.read"), permit("controller.runs.write")
LOAD_SECONDS = 30
"""Longest time that the beginning of a rollout waits for its candidate; it is loaded either way."""


@router.get("", response_model=Page[RunRead], dependencies=[READ])
async def list_runs(
    loop: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """Runs of a loop, oldest first."""
    found = await loops.get(session, project, loop)
    keys = decode(cursor, int)
    rows = await queries.page(session, found, int(keys[0]) if keys else 0, limit)
    return paginate(rows, limit, lambda row: (row.number,))


@router.get("/{number}", response_model=RunRead, dependencies=[READ])
async def get_run(loop: Name, number: int, request: Request, project: Project, wait: Wait = 0) -> Run:
    """One run; with `wait`, as soon as it has ended."""
    deadline, bell = time.monotonic() + wait, request.app.state.bell
    while True:
        heard = bell.listen()
        async with request.app.state.readers() as session:
            run = await queries.get(session, await loops.get(session, project, loop), number)
        if run.ended_at is not None or time.monotonic() >= deadline:
            return run
        await bell.wait(heard, deadline)


@router.get("/{number}/plan", dependencies=[READ])
async def get_plan(
    loop: Name, number: int, session: Session, project: Project, request: Request
) -> dict[str, Any]:
    """What each step of the run is asked to do."""
    made = (await queries.get(session, await loops.get(session, project, loop), number)).plan
    return plan.honoured(made, request.app.state.settings.platform == "kubernetes")


@router.put("/{number}/steps/{step}", response_model=RunRead, dependencies=[WRITE])
async def tell_step(
    loop: Name,
    number: int,
    step: StepName,
    body: StepWrite,
    session: Session,
    project: Project,
    request: Request,
    after_commit: BackgroundTasks,
) -> Run:
    """A step tells how far it is."""
    found = await loops.get(session, project, loop)
    run = await queries.get(session, found, number)
    facts = body.model_dump() | {"at": utcnow().isoformat()}
    job = body.job or run.steps.get(step, {}).get("job")
    await queries.note_step(session, run, step, facts | {"job": job})
    if step == "ingest" and body.state == "succeeded" and run.plan["ingest"] is not None:
        found.fed_through = datetime.fromisoformat(run.plan["ingest"]["source"]["until"])
    after_commit.add_task(tell, request.app)
    return run


@router.post("/{number}:refuse", response_model=RunRead, dependencies=[WRITE])
async def refuse(
    loop: Name,
    number: int,
    body: RefusalWrite,
    session: Session,
    project: Project,
    request: Request,
    after_commit: BackgroundTasks,
) -> Run:
    """Close a run whose data cannot be trained on."""
    found = await loops.get(session, project, loop)
    run = await queries.get(session, found, number)
    if State(run.state) == State.REFUSED:
        return run
    await queries.move(session, run, State.REFUSED, message=body.reason)
    await decide(session, Outbox, _refused(found, run, body.reason))
    await decide(session, Outbox, closed(found, run, body.reason, run.opened_at))
    after_commit.add_task(tell, request.app)
    return run


def _refused(loop: Loop, run: Run, reason: str) -> Any:
    return decision(
        project=loop.project, loop=loop.name, kind="data.refused", subject=f"run {run.number}", outcome="refused",
        event_time=run.opened_at, author="controller",
        reason=f"The data of run {run.number} is refused: {reason}."[:2000], run=run.number, cause=run.decision,
    )  # fmt: skip


@router.post("/{number}/gates", dependencies=[WRITE])
async def pass_gates(
    loop: Name, number: int, body: GateWrite, request: Request, project: Project
) -> dict[str, Any]:
    """Judge the run's evaluation; the verdict is recorded once and then stands."""
    app = request.app
    async with app.state.readers() as session:
        found = await loops.get(session, project, loop)
        run = await queries.get(session, found, number)
    if run.verdict is not None:
        return run.verdict
    trained = await _result(request, project, loop, number, "train", body.train_job)
    evaluation = await _result(request, project, loop, number, "evaluate", body.evaluate_job)
    rival = run.plan["evaluate"]["champion"] is not None
    spec = ModelLoop.model_validate(found.document).spec
    verdict = await asyncio.to_thread(judge, spec, EvaluateResult.model_validate(evaluation), rival)
    async with app.state.sessions.begin() as session:
        found = await loops.get(session, project, loop)
        run = await queries.get(session, found, number)
        if State(run.state) not in BUSY:
            raise Conflict(f"Run {number} is {run.state}; its gates are closed.")
        if run.verdict is None:
            run.verdict = verdict.model_dump(mode="json")
            if run.plan["train"]["search"] == "full":
                found.configurations = trained.get("configurations")
            await decide(session, Outbox, _verdict(found, run, run.verdict, evaluation))
    return run.verdict


async def _result(
    request: Request, project: str, loop: str, number: int, kind: str, job: str
) -> dict[str, Any]:
    """The result of the run's own job. Raises: BadInput for any other job, Conflict if it has no result."""
    try:
        found = await request.app.state.apis.training.get(f"/v1/jobs/{job}", project=project)
    except ApiError as error:
        if error.status in (404, 422):
            raise BadInput(f"There is no job {job}.") from error
        raise
    if (found["kind"], found["loop"], found["loop_run"]) != (kind, loop, number):
        raise BadInput(f"The job {job} is not the {kind} job of run {number} of {loop}.")
    if found["result"] is None:
        raise Conflict(f"The job {job} is {found['state']}; it has no result.")
    return found["result"]


def _verdict(loop: Loop, run: Run, verdict: dict[str, Any], evaluation: dict[str, Any]) -> Any:
    return decision(
        project=loop.project, loop=loop.name, kind="gate.verdict", subject=f"run {run.number}",
        outcome=verdict["verdict"], event_time=run.opened_at, author="controller",
        reason=f"The gates of run {run.number} say {verdict['verdict']}: {verdict['reason']}."[:2000],
        run=run.number, evidence={"gates": verdict["gates"], "metrics": evaluation["metrics"]}, cause=run.decision,
    )  # fmt: skip


@router.post("/{number}/rollout", response_model=RunRead, dependencies=[WRITE])
async def begin_rollout(
    loop: Name, number: int, body: RolloutWrite, request: Request, project: Project
) -> Run:
    """Begin the rollout of the version that the run registered; only after its gates have passed."""
    app = request.app
    async with app.state.readers() as session:
        found = await loops.get(session, project, loop)
        run = await queries.get(session, found, number)
    if run.rollout is not None and run.version == body.version:
        return run
    if run.verdict is None or run.verdict["verdict"] != "passed" or State(run.state) not in BUSY:
        raise Conflict(f"Run {number} has not passed its gates, or is over ({run.state}).")
    if found.state == "deleting":
        raise Conflict(f"{loop} is being deleted; nothing of it is rolled out any more.")
    version = await _version(request, project, loop, body.version, number)
    spec = ModelLoop.model_validate(found.document).spec
    registered = _registered(found, run, version)
    async with app.state.sessions.begin() as session:
        await decide(session, Outbox, registered)
    order = {
        "key": f"{loop}/run-{number}",
        "model": loop,
        "version": body.version,
        "signature": _plain_signature(version["signature"]),
        "files": version["files"],
        "golden": version["golden"],
        "plan": spec.rollout.plan() if found.champion is not None else {"mirror": None, "canary": []},
        "event_time": None if run.opened_at is None else run.opened_at.isoformat(),
        "loop": loop,
        "run": number,
        "cause": registered.id,
    }
    if spec.placement is not None and app.state.settings.platform == "kubernetes":
        order["placement"] = spec.placement.of_servers()
    rollout = await app.state.apis.serving.post(
        f"/v1/endpoints/{loop}/rollouts", json=order, project=project, timeout=120
    )
    await _under_way(app, project, loop, rollout)
    async with app.state.sessions.begin() as session:
        found = await loops.get(session, project, loop)
        run = await queries.get(session, found, number)
        made = {"version": body.version, "digest": version["digest"], "rollout": rollout["id"]}
        await queries.move(session, run, State.ROLLING_OUT, **made)
    await tell(app)
    return run


async def _under_way(app: FastAPI, project: str, loop: str, rollout: dict[str, Any]) -> None:
    """Wait for the candidate to be loaded and the gateway to send it what the plan says, or for LOAD_SECONDS.

    A replay goes on only then: which requests are mirrored must not depend on how fast a model loads.
    """
    path = f"/v1/endpoints/{loop}/rollouts/{rollout['id']}"
    await app.state.apis.serving.get(path, project=project, wait=LOAD_SECONDS)


async def _version(request: Request, project: str, model: str, number: int, run: int) -> dict[str, Any]:
    try:
        found = await request.app.state.apis.registry.get(
            f"/v1/models/{model}/versions/{number}", project=project
        )
    except ApiError as error:
        if error.status == 404:
            raise BadInput(f"{model} has no version {number}.") from error
        raise
    if found["lineage"].get("loop_run") != run:
        raise Conflict(f"Version {number} of {model} was not made by run {run}.")
    return found


def _plain_signature(signature: dict[str, Any]) -> dict[str, Any]:
    inputs = [
        {name: item[name] for name in ("name", "datatype", "column", "kind")} for item in signature["inputs"]
    ]
    outputs = [{name: item[name] for name in ("name", "datatype")} for item in signature["outputs"]]
    return signature | {"inputs": inputs, "outputs": outputs}


def _registered(loop: Loop, run: Run, version: dict[str, Any]) -> Any:
    lineage = version["lineage"]
    return decision(
        project=loop.project, loop=loop.name, kind="model.registered", subject=f"{loop.name}/{version['number']}",
        outcome="registered", event_time=run.opened_at, author="controller",
        reason=f"Version {version['number']} is registered, from data version {lineage.get('dataset_version')}.",
        run=run.number,
        evidence={
            "files": version["files"], "lineage": {"dataset_version": lineage["dataset_version"]},
        },
        measured={"digest": version["digest"]}, cause=run.decision,
    )  # fmt: skip
