"""What a job's beginning and end are in OpenLineage's words: what it reads, what it writes. Pure."""

import uuid
from collections.abc import Callable
from typing import Any

from millrace_contracts.batches import GatherSpec
from millrace_contracts.bodies import Document
from millrace_contracts.learning import EvaluateSpec, TrainSpec
from millrace_contracts.pulls import PullResult, PullSpec
from millrace_contracts.rows import IngestResult, IngestSpec, ValidateSpec
from millrace_contracts.scoring import ScoreResult, ScoreSpec
from millrace_core.database import utcnow
from millrace_core.openlineage.events import Happened, Move, Place, dataset, endpoint, loop_run, model
from millrace_core.openlineage.places import of_sink, of_source
from millrace_training.jobs.ending import Ending
from millrace_training.jobs.states import State
from millrace_training.tables import Job

MOVES: dict[State, Move] = {State.SUCCEEDED: "COMPLETE", State.FAILED: "FAIL", State.CANCELLED: "ABORT"}
REFUSED = "The rows were refused: "
Read = tuple[list[Place], list[Place]]
"""Inputs and outputs."""


def started(job: Job) -> list[Happened]:
    """The event of a job's first start; none of a kind that moves no data, like a look at a sample."""
    return _told(job, "START", None, "")


def ended(job: Job, end: Ending) -> list[Happened]:
    """The event of a job's end. Rows that were refused are a failure: nothing was written."""
    refused = _refused(job, end.result)
    error = refused or (end.error.detail if end.error is not None else "")
    return _told(job, "FAIL" if refused else MOVES[end.state], end.result, error)


def _told(job: Job, move: Move, result: Document | None, error: str) -> list[Happened]:
    known = KINDS.get(job.kind)
    if known is None:
        return []
    inputs, outputs = known(job, result)
    run = None if job.loop is None or job.loop_run is None else loop_run(job.project, job.loop, job.loop_run)
    kind = "push" if job.kind == "ingest" and job.loop_run is None else job.kind
    return [
        Happened(
            move=move, at=utcnow(), project=job.project, job=f"{job.loop or outputs[0].name}.{kind}", kind=kind,
            run=uuid.UUID(hex=job.id), parent=run, inputs=inputs, outputs=outputs, error=error,
        )
    ]  # fmt: skip


def _refused(job: Job, result: Document | None) -> str:
    if job.kind != "ingest" or result is None:
        return ""
    told = IngestResult.model_validate(result)
    return "" if told.accepted or told.unchanged else REFUSED + told.reason


def _ingest(job: Job, result: Document | None) -> Read:
    spec, told = IngestSpec.model_validate(job.spec), _result(IngestResult, result)
    source = spec.source
    if source.kind == "feedback":
        read = endpoint(source.endpoint)
    else:
        name = source.name if source.kind == "artifact" else f"quarantine-{source.entry}"
        read = Place(name=f"deliveries/{spec.dataset}/{name}")
    number, rows = (None, None) if told is None else (told.dataset_version, told.new_rows)
    return [read], [dataset(spec.dataset, number, rows)]


def _pull(job: Job, result: Document | None) -> Read:
    spec, told = PullSpec.model_validate(job.spec), _result(PullResult, result)
    number, rows = (None, None) if told is None else (told.dataset_version, told.new_rows)
    return [of_source(spec.source)], [dataset(spec.dataset, number, rows)]


def _validate(job: Job, result: Document | None) -> Read:
    spec = ValidateSpec.model_validate(job.spec)
    return [dataset(spec.dataset, spec.dataset_version)], []


def _train(job: Job, result: Document | None) -> Read:
    spec = TrainSpec.model_validate(job.spec)
    return [dataset(spec.dataset, spec.dataset_version)], [model(job.loop or spec.dataset)]


def _evaluate(job: Job, result: Document | None) -> Read:
    spec = EvaluateSpec.model_validate(job.spec)
    return [dataset(spec.dataset, spec.dataset_version), model(job.loop or spec.dataset)], []


def _gather(job: Job, result: Document | None) -> Read:
    spec = GatherSpec.model_validate(job.spec)
    return [of_source(spec.source)], [_to_score(spec.loop)]


def _score(job: Job, result: Document | None) -> Read:
    spec, told = ScoreSpec.model_validate(job.spec), _result(ScoreResult, result)
    answered = None if told is None else told.answered
    written = (
        of_sink(spec.sink, answered)
        if spec.sink is not None
        else Place(name=f"predictions/{spec.model}", rows=answered)
    )
    return [_to_score(spec.model), model(spec.model, spec.version)], [written]


def _to_score(loop: str) -> Place:
    """Rows that were fetched or sent to be scored."""
    return Place(name=f"rows-to-score/{loop}")


def _result(kind: Any, result: Document | None) -> Any:
    return None if result is None else kind.model_validate(result)


KINDS: dict[str, Callable[[Job, Document | None], Read]] = {
    "ingest": _ingest,
    "pull": _pull,
    "validate": _validate,
    "train": _train,
    "evaluate": _evaluate,
    "gather": _gather,
    "score": _score,
}
"""Kinds that move data between places that have names."""
