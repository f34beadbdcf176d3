"""Answers of finished parts on their way out: into the prediction log, as files, or as rows of a table."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as parquet

from millrace_contracts.scoring import ScoredFile
from millrace_contracts.sinks import Sink, TableSink
from millrace_contracts.tables import Rejects
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError
from millrace_training.scoring import part, places, prediction_log, writing
from millrace_training.scoring.batch import Batch
from millrace_training.scoring.part import Done, Work
from millrace_training.scoring.places import REJECTED
from millrace_training.scoring.sinks import IntoTable


@dataclass
class Delivered:
    """Where the answers are: *files* of the registry, what was *written* elsewhere, rows that were there already."""

    files: list[ScoredFile] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    rejected: ScoredFile | None = None
    repeated: int = 0


def log(batch: Batch, context: Context, works: list[Work]) -> None:
    """Into the prediction log, if that is asked for."""
    if batch.spec.log is None:
        return
    for work in works:
        context.report("log", work.part.number, len(works))
        answers = part.piece(context.scratch, work.part.number)
        prediction_log.send(work, answers, batch.spec.log, context.client.monitoring, batch.version.signature)


def deliver(batch: Batch, context: Context, done: list[Done]) -> Delivered:
    """Write the answers, and the rejects beside them. Raises: JobError."""
    sink, lost = batch.spec.sink, batch.rejects()
    rejected = _csv(lost) if lost.count else None
    made = Delivered()
    if rejected is not None:
        digest, name = (
            context.client.registry.put_artifact(rejected, "text/csv"),
            _name(batch, None, REJECTED),
        )
        made.rejected = ScoredFile(name=name, digest=digest, rows=len(lost.kept), size=len(rejected))
    if sink is None:
        made.files = _files(batch, context, done)
    elif sink.sql is not None:
        made.repeated = _to_table(batch, sink, sink.sql, context, done)
        made.written = [sink.sql.table]
    else:
        made.written = _to_place(batch, sink, context, rejected)
    return made


def _files(batch: Batch, context: Context, done: list[Done]) -> list[ScoredFile]:
    """Keep the answers in the registry: one file of all, or one for each source."""
    written, groups = [], _groups(batch)
    names = _names(batch, groups)
    for place, members in enumerate(groups):
        context.report("write", place, len(groups))
        path = _staged(batch, context, place, members)
        digest = context.client.registry.put_artifact(path, writing.MEDIA_TYPES[batch.output])
        rows = sum(done[item.number].rows for item in batch.parts if item.source in members)
        written.append(ScoredFile(name=names[place], digest=digest, rows=rows, size=path.stat().st_size))
        path.unlink()
    return written


def _names(batch: Batch, groups: list[list[int]]) -> list[str]:
    """Of files that go into one folder, none twice; `rejects.csv` there is that of the lines that were not read."""
    taken, names = {REJECTED.removeprefix(".")}, []
    for members in groups:
        stem, number = Path(batch.spec.files[members[0]].name).stem, 1
        name = f"{stem}.{batch.output}"
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}.{batch.output}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _to_place(batch: Batch, sink: Sink, context: Context, rejected: bytes | None) -> list[str]:
    """Files of a folder or an object store, each there as a whole or not at all; written again they are the same."""
    groups = [members for members in _groups(batch) if any(item.source in members for item in batch.parts)]
    with places.opened(sink) as place:
        for number, members in enumerate(groups):
            context.report("write", number, len(groups))
            path = _staged(batch, context, number, members)
            place.put(path, _name(batch, number if len(groups) > 1 else None, f".{batch.output}"))
            path.unlink()
        if rejected is not None:
            path = context.scratch / "rejects.staged"
            path.write_bytes(rejected)
            place.put(path, _name(batch, None, REJECTED))
        else:
            place.forget(REJECTED)
        return place.written


def _name(batch: Batch, number: int | None, ending: str) -> str:
    """Of a file in a sink."""
    called = batch.spec.called or Path(batch.spec.files[0].name).stem
    return called + ("" if number is None else f"-{number + 1:03}") + ending


def _groups(batch: Batch) -> list[list[int]]:
    """Which sources go into one file."""
    if not batch.together:
        return [[number] for number in range(len(batch.paths))]
    _check_together(batch)
    return [list(range(len(batch.paths)))]


def _staged(batch: Batch, context: Context, place: int, members: list[int]) -> Path:
    path = context.scratch / f"answers-{place:06}.{batch.output}.staged"
    mine = (item for item in batch.parts if item.source in members)
    writing.write((part.piece(context.scratch, item.number) for item in mine), path, batch.output)
    return path


def _to_table(batch: Batch, sink: Sink, into: TableSink, context: Context, done: list[Done]) -> int:
    """Write the answers into a table, a transaction a part; returns how many rows were there already."""
    repeated = 0
    with IntoTable(batch.spec, sink, into, batch.version.signature) as table:
        for item in batch.parts:
            context.report("write", item.number, len(batch.parts))
            if not table.write(item.number, part.piece(context.scratch, item.number)):
                repeated += done[item.number].rows
    return repeated


def _csv(lost: Rejects) -> bytes:
    """The lines that could not be read, for people."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "line", "reason", "text"])
    writer.writerows([line.file, line.line, line.reason, line.text] for line in lost.kept)
    return text.getvalue().encode()


def _check_together(batch: Batch) -> None:
    files = zip(batch.spec.files, batch.paths, strict=True)
    full = [
        (file.name, parquet.read_schema(path)) for file, path in files if parquet.read_metadata(path).num_rows
    ]
    for name, schema in full:
        if not schema.equals(full[0][1]):
            seen = f"{name} and {full[0][0]} do not have the same columns."
            raise JobError("The files differ", seen, "Write a file for each, into a folder.")
