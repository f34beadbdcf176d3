"""What a loop run, its gates and its promotion are in OpenLineage's words. Pure; its jobs are told by training."""

from millrace_contracts.loop_runs import StepRead
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Run
from millrace_core.database import utcnow
from millrace_core.openlineage.events import (
    Happened,
    Move,
    Place,
    dataset,
    endpoint,
    loop_run,
    model,
    run_id,
)

MOVES: dict[State, Move] = {
    State.PROMOTED: "COMPLETE",
    State.REJECTED: "COMPLETE",
    State.REFUSED: "FAIL",
    State.FAILED: "FAIL",
    State.ABORTED: "ABORT",
}
"""A run whose gates say no has done its work; one whose data or pipeline failed has not."""
ENDS: dict[str, Move] = {"succeeded": "COMPLETE", "failed": "FAIL"}
STEPS = ("gate", "register")
"""Steps that are no jobs of training's."""
PROMOTION = "promotion"


def opened(loop: Loop, run: Run) -> list[Happened]:
    """A run is opened."""
    return [_run(loop, run, "START")]


def moved(loop: Loop, run: Run, old: State, new: State) -> list[Happened]:
    """A run that was *old* is *new*: its rollout begins, or it is over, and its rollout with it."""
    if new == State.ROLLING_OUT:
        return [_promotion(loop, run, "START")]
    move = MOVES.get(new)
    if move is None:
        return []
    rollout = [_promotion(loop, run, move)] if old == State.ROLLING_OUT else []
    return [*rollout, _run(loop, run, move)]


def stepped(loop: Loop, run: Run, step: str, before: StepRead | None, told: StepRead) -> list[Happened]:
    """A step began or ended; each attempt of a run is told apart."""
    if step not in STEPS:
        return []
    begins = told.state == "running" and (before is None or before.state != "running")
    move = "START" if begins else ENDS.get(told.state)
    if move is None:
        return []
    part, made = f"{step}-{run.attempts}", [model(loop.name)]
    read, written = [dataset(run.plan.dataset), *made], made if step == "register" else []
    error = told.message if move == "FAIL" else ""
    return [_happened(loop, run, move, step, part, read, written, error)]


def _run(loop: Loop, run: Run, move: Move) -> Happened:
    made = [] if run.version is None else [model(loop.name, run.version)]
    served = [endpoint(loop.name)] if run.state == State.PROMOTED else []
    error = run.message if move in ("FAIL", "ABORT") else ""
    told = _happened(loop, run, move, "loop", "", [dataset(run.plan.dataset)], [*made, *served], error)
    return told.model_copy(update={"job": loop.name, "parent": None})


def _promotion(loop: Loop, run: Run, move: Move) -> Happened:
    error = run.message if move in ("FAIL", "ABORT") else ""
    read, written = [model(loop.name, run.version)], [endpoint(loop.name)]
    return _happened(loop, run, move, PROMOTION, PROMOTION, read, written, error)


def _happened(
    loop: Loop,
    run: Run,
    move: Move,
    kind: str,
    part: str,
    inputs: list[Place],
    outputs: list[Place],
    error: str,
) -> Happened:
    return Happened(
        move=move, at=utcnow(), project=loop.project, job=f"{loop.name}.{kind}", kind=kind,
        run=run_id(loop.project, loop.name, run.number, part),
        parent=loop_run(loop.project, loop.name, run.number),
        inputs=inputs, outputs=outputs, error=error, nominal=run.opened_at,
    )  # fmt: skip
