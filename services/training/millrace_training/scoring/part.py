"""One part: its rows are read, turned into tensors by the signature, answered by the graph, and kept as a piece."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.scoring import MOST_EXAMPLES, Unanswered
from millrace_contracts.signature import Signature
from millrace_contracts.tables import Dialect
from millrace_stats import answers as stats
from millrace_table import cells, rows, tensors
from millrace_table.columns import Typed, convert
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import Frame, from_arrow
from millrace_training.graph.session import answers, open_session
from millrace_training.scoring import columns, keeping
from millrace_training.scoring.columns import Stamp
from millrace_training.scoring.keeping import Output
from millrace_training.scoring.sources import Stretch

BATCH = 16_384
"""Rows in memory at once, however large a row group is."""
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Work:
    """One part with all that answering it needs; *kept*: input columns that stand beside the answers in an *output*."""

    part: Stretch
    graph: Path
    signature: str
    timezone: str
    dialect: Dialect | None
    kept: list[str]
    stamp: Stamp
    called: dict[str, str]
    output: Output


@dataclass(frozen=True)
class Done:
    """What a finished part says of itself."""

    rows: int
    answered: int
    unanswered: list[Unanswered]


def piece(folder: Path, number: int) -> Path:
    """Where the answers of a part are; beside it its JSON, written last, says that they are complete."""
    return folder / f"part-{number:06}.parquet"


def finished(folder: Path, number: int) -> Done | None:
    """What an earlier attempt finished; None if there is nothing."""
    try:
        about = orjson.loads(piece(folder, number).with_suffix(".json").read_bytes())
    except FileNotFoundError:
        return None
    unanswered = [Unanswered.model_validate(item) for item in about["unanswered"]]
    return Done(about["rows"], about["answered"], unanswered)


def run(work: Work) -> int:
    """Answer a part; returns its number."""
    target = piece(work.part.path.parent, work.part.number)
    signature = _signature(work.signature)
    session = _session(work.graph, work.graph.stat().st_mtime_ns)
    count, answered, first = 0, 0, work.part.first
    unread: dict[str, Unanswered] = {}
    staged = target.with_name(f".{target.name}")
    writer: parquet.ParquetWriter | None = None
    for came in batches(work.part):
        frame, bad = _frame(came, signature, work, first, unread)
        said = _without(stats.read(answers(session, frame), signature), bad)
        table = columns.beside(
            keeping.kept(came, work.kept, work.output), said, work.stamp, first, work.called
        )
        writer = writer or parquet.ParquetWriter(staged, table.schema, compression="lz4")
        writer.write_table(table)
        count, answered, first = count + len(table), answered + int(said.finite.sum()), first + len(table)
    assert writer is not None
    writer.close()
    staged.replace(target)
    about = {
        "rows": count,
        "answered": answered,
        "unanswered": [item.model_dump() for item in unread.values()],
    }
    last = target.with_suffix(".json")
    staged.with_suffix(".json").write_bytes(orjson.dumps(about))
    staged.with_suffix(".json").replace(last)
    return work.part.number


def batches(part: Stretch) -> Iterator[pa.Table]:
    """The part's rows as they came, some at a time, cut alike whenever they are read."""
    with parquet.ParquetFile(part.path) as file:
        for batch in file.iter_batches(BATCH, row_groups=part.groups, use_threads=False):
            yield pa.Table.from_batches([batch])


def _frame(
    came: pa.Table, signature: Signature, work: Work, first: int, unread: dict[str, Unanswered]
) -> tuple[Frame, Mask]:
    """The rows as the graph takes them, and which of them hold a cell that is no value of its input."""
    bad = np.zeros(len(came), np.bool_)
    inputs = typed(came, signature, work)
    for name, cell in inputs.items():
        if cell.bad.any():
            bad |= cell.bad
            _note(unread, name, came.column(name), cell, first)
    values = pa.table({name: cell.values for name, cell in inputs.items()})
    return from_arrow(values, columns_from_signature(signature)), bad


def typed(came: pa.Table, signature: Signature, work: Work) -> dict[str, Typed]:
    """The inputs by column, as the model's signature and its data's contract say what a cell is."""
    zone, written = signature.timezone or work.timezone, rows.said(signature, work.dialect)
    return {
        item.column: convert(
            cells.raw(came.column(item.column)),
            rows.TYPES[item.kind],
            zone,
            item.column,
            written,
            shape=item.shape,
        )
        for item in signature.inputs
    }


def _note(unread: dict[str, Unanswered], name: str, column: pa.ChunkedArray, cell: Typed, first: int) -> None:
    wrong, shape = cell.bad, tensors.shape_of(cell.values.type)
    known = unread.setdefault(name, Unanswered(column=name, rows=0, examples=[]))
    known.rows += int(wrong.sum())
    if shape is not None:
        told = tensors.told(cells.raw(column), wrong, shape, first)
        known.examples += [f"{text}, expected {shape}" for text in told][
            : MOST_EXAMPLES - len(known.examples)
        ]
        return
    for place in np.flatnonzero(wrong)[: MOST_EXAMPLES - len(known.examples)]:
        known.examples.append(f"row {first + int(place) + 1}: {cells.shown(column, int(place), 80)}")


def _without(said: stats.Answers, bad: Mask) -> stats.Answers:
    if not bad.any():
        return said
    return stats.Answers(said.numbers, said.finite & ~bad, said.named, said.spread, said.classes)


@lru_cache(maxsize=4)
def _signature(text: str) -> Signature:
    return Signature.model_validate_json(text)


@lru_cache(maxsize=1)
def _session(graph: Path, stamp: int) -> Any:
    """The graph's session; a worker that scores many parts opens it once."""
    return open_session(graph.read_bytes())
