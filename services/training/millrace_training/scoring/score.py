"""Job `score`: every row of some files is answered by one version's graph, a part at a time, and written as files."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as parquet

from millrace_contracts.models import ModelVersionRead
from millrace_contracts.release import BASE
from millrace_contracts.scoring import (
    MOST_EXAMPLES,
    ScoreCost,
    ScoredFile,
    ScoreResult,
    ScoreSpec,
    TableSink,
    Unanswered,
)
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError, TaskFailed
from millrace_training.scoring import columns, part, prediction_log, sources, writing
from millrace_training.scoring.columns import Stamp
from millrace_training.scoring.part import Done, Work
from millrace_training.scoring.sinks import Sink
from millrace_training.scoring.sources import Stretch

FUNCTION = "millrace_training.scoring.part:run"


@dataclass(frozen=True)
class Batch:
    """What is scored: the spec, the version, its graph on disk, and the parts."""

    spec: ScoreSpec
    version: ModelVersionRead
    graph: Path
    paths: list[Path]
    parts: list[Stretch]

    @property
    def digest(self) -> str:
        """Of the graph."""
        return self.version.files.digest("model", BASE)

    def kept(self, source: int) -> list[str]:
        """Input columns of a source that stand beside its answers."""
        keep = self.spec.keep
        return list(parquet.read_schema(self.paths[source]).names) if keep is None else keep

    def works(self) -> list[Work]:
        """Every part with what answering it needs."""
        signature = self.version.signature.model_dump_json()
        kept = [self.kept(source) for source in range(len(self.paths))]
        called = [columns.names(self.version.signature, names) for names in kept]
        stamps = [Stamp(self.version.number, _request(item.digest, self.digest)) for item in self.spec.files]
        return [
            Work(
                p,
                self.graph,
                signature,
                self.spec.timezone,
                self.spec.dialect,
                kept[p.source],
                stamps[p.source],
                called[p.source],
                self.spec.output == "parquet" and self.spec.table is None,
            )
            for p in self.parts
        ]


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
    _to_log(batch, context, works)
    repeated = _to_table(batch, spec.table, context, done) if spec.table else 0
    files = [] if spec.table else _files(batch, context, done)
    seconds = time.monotonic() - began
    return ScoreResult(
        model=spec.model,
        version=spec.version,
        digest=batch.digest,
        rows=sum(item.rows for item in done),
        answered=sum(item.answered for item in done),
        unanswered=_unanswered(batch, done),
        files=files,
        table=None if spec.table is None else spec.table.table,
        repeated=repeated,
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
    graph.write_bytes(registry.get_artifact(version.files.digest("model", BASE)))
    wanted = [item.column for item in version.signature.inputs]
    if spec.log is not None and spec.log.event_time is None and spec.log.at is None:
        raise JobError("The answers cannot be logged", "Nothing says when the rows happened.", "Say log.at.")
    if spec.log is not None and version.signature.outputs[0].values() > columns.MOST_CLASSES:
        seen = f"{spec.model} has more than {columns.MOST_CLASSES} classes, too many to stand beside a row."
        raise JobError("The answers cannot be logged", seen, "Score it without the log.")
    place = sources.Place(registry, context.scratch, spec.dialect, wanted)
    paths = sources.fetch(spec.files, place, lambda count: context.report("fetch", count, total))
    times = [spec.log.event_time] if spec.log and spec.log.event_time else []
    for file, path in zip(spec.files, paths, strict=True):
        sources.check(file.name, path, [*wanted, *times], spec.keep)
    return Batch(spec, version, graph, paths, sources.parts(paths))


def _request(source: str, graph: str) -> str:
    """The id to which labels refer: the same rows scored by the same graph are the same request."""
    return "score-" + hashlib.sha256(f"{source} {graph}".encode()).hexdigest()[:24]


def _done(scratch: Path, number: int) -> Done:
    done = part.finished(scratch, number)
    assert done is not None
    return done


def _files(batch: Batch, context: Context, done: list[Done]) -> list[ScoredFile]:
    """Write the answers and keep them in the registry: one file of all, or one for each source."""
    spec = batch.spec
    whole = [list(range(len(batch.paths)))] if spec.together else [[n] for n in range(len(batch.paths))]
    if spec.together:
        _check_together(batch)
    written = []
    for place, members in enumerate(whole):
        context.report("write", place, len(whole))
        mine = [item for item in batch.parts if item.source in members]
        path = context.scratch / f"answers-{place:06}.{spec.output}.staged"
        writing.write((part.piece(context.scratch, item.number) for item in mine), path, spec.output)
        digest = context.client.registry.put_artifact(path, writing.MEDIA_TYPES[spec.output])
        rows = sum(done[item.number].rows for item in mine)
        name = f"{Path(spec.files[members[0]].name).stem}.{spec.output}"
        written.append(ScoredFile(name=name, digest=digest, rows=rows, size=path.stat().st_size))
        path.unlink()
    return written


def _to_log(batch: Batch, context: Context, works: list[Work]) -> None:
    if batch.spec.log is None:
        return
    for work in works:
        context.report("log", work.part.number, len(works))
        answers = part.piece(context.scratch, work.part.number)
        prediction_log.send(work, answers, batch.spec.log, context.client.monitoring, batch.version.signature)


def _to_table(batch: Batch, sink: TableSink, context: Context, done: list[Done]) -> int:
    """Write the answers into a table, a transaction a part; returns how many rows were there already."""
    _check_together(batch)
    repeated = 0
    with Sink(batch.spec, sink) as into:
        for item in batch.parts:
            context.report("write", item.number, len(batch.parts))
            if not into.write(item.number, part.piece(context.scratch, item.number)):
                repeated += done[item.number].rows
    return repeated


def _check_together(batch: Batch) -> None:
    first = parquet.read_schema(batch.paths[0])
    for file, path in zip(batch.spec.files, batch.paths, strict=True):
        if not parquet.read_schema(path).equals(first):
            seen = f"{file.name} and {batch.spec.files[0].name} do not have the same columns."
            raise JobError("The files differ", seen, "Write a file for each, into a folder.")


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
