"""Job `score`: every row of some files is answered by one version's graph, a part at a time, and written as files."""

import time
from pathlib import Path

from millrace_contracts.scoring import MOST_EXAMPLES, ScoreCost, ScoreResult, ScoreSpec, Unanswered
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError, TaskFailed
from millrace_training.scoring import columns, delivering, part, sources
from millrace_training.scoring.batch import Batch, graph_of
from millrace_training.scoring.part import Done

FUNCTION = "millrace_training.scoring.part:run"


def run(spec: ScoreSpec, context: Context) -> ScoreResult:
    """Score the files; an attempt goes on behind the last part that an earlier one finished."""
    batch = _prepare(spec, context)
    works = batch.works()
    began, cpu = time.monotonic(), time.process_time()
    waiting = [work for work in works if part.finished(context.scratch, work.part.number) is None]
    total = len(works)
    context.report("score", total - len(waiting), total)
    try:
        for count, _ in enumerate(context.map(FUNCTION, waiting, spec.executor), total - len(waiting) + 1):
            context.report("score", count, total)
    except TaskFailed as error:
        mend = "See the job's log; the parts that are finished are kept."
        raise JobError("A part could not be scored", error.detail, mend) from error
    done = [_done(context.scratch, work.part.number) for work in works]
    fresh = sum(done[work.part.number].rows for work in waiting)
    delivering.log(batch, context, works)
    delivered = delivering.deliver(batch, context, done)
    seconds = time.monotonic() - began
    return ScoreResult(
        model=spec.model,
        version=spec.version,
        digest=batch.digest,
        rows=sum(item.rows for item in done),
        answered=sum(item.answered for item in done),
        unanswered=_unanswered(batch, done),
        files=delivered.files,
        written=delivered.written,
        rejects=batch.rejects(),
        rejected=delivered.rejected,
        repeated=delivered.repeated,
        columns=[*works[0].called.values()] if works else [],
        cost=ScoreCost(
            seconds=seconds,
            cpu_seconds=time.process_time() - cpu,
            rows_per_second=fresh / seconds,
            parts=total,
            resumed=total - len(waiting),
        ),
    )


def _prepare(spec: ScoreSpec, context: Context) -> Batch:
    """Everything on disk. Raises: JobError for a file that cannot be read, or that lacks an input of the model."""
    registry, total = context.client.registry, len(spec.files)
    version = registry.version(spec.model, spec.version)
    graph = context.scratch / "graph.onnx"
    graph.write_bytes(registry.get_artifact(graph_of(version, spec)))
    wanted = [item.column for item in version.signature.inputs]
    if spec.log is not None and spec.log.event_time is None and spec.log.at is None:
        raise JobError("The answers cannot be logged", "Nothing says when the rows happened.", "Say log.at.")
    if spec.log is not None and version.signature.outputs[0].values() > columns.MOST_CLASSES:
        seen = f"{spec.model} has more than {columns.MOST_CLASSES} classes, too many to stand beside a row."
        raise JobError("The answers cannot be logged", seen, "Score it without the log.")
    place = sources.Place(
        registry, context.scratch, spec.dialect, wanted, spec.rejects_at_most, spec.sink is not None
    )
    paths = sources.fetch(spec.files, place, lambda count: context.report("fetch", count, total))
    times = [spec.log.event_time] if spec.log and spec.log.event_time else []
    for file, path in zip(spec.files, paths, strict=True):
        sources.check(file.name, path, [*wanted, *times], spec.keep, place.may_be_empty)
    return Batch(spec, version, graph, paths, sources.parts(paths))


def _done(scratch: Path, number: int) -> Done:
    done = part.finished(scratch, number)
    assert done is not None
    return done


def _unanswered(batch: Batch, done: list[Done]) -> list[Unanswered]:
    """By column, over all files; with several files an example names its own."""
    known: dict[str, Unanswered] = {}
    for item, about in zip(batch.parts, done, strict=True):
        file = f"{batch.spec.files[item.source].name}, " if len(batch.paths) > 1 else ""
        for here in about.unanswered:
            told = known.setdefault(here.column, Unanswered(column=here.column, rows=0, examples=[]))
            told.rows += here.rows
            room = MOST_EXAMPLES - len(told.examples)
            told.examples += [file + example for example in here.examples[:room]]
    return list(known.values())
