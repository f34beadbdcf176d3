"""Answers into the prediction log, as if each row had been asked online: they are profiled, watched and labelled.

The log knows a row by request id and index, so what is sent twice stands there once.
"""

import io
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from millrace_contracts.scoring import LogTo
from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_table import cells
from millrace_table.columns import convert
from millrace_training.scoring.part import Work, batches, typed

OURS = ("request_id", "index", "event_time", "prediction", "probabilities", "revision", "key")
"""What the log calls its own columns; an input of one of these names goes by its tensor's."""


class Log(Protocol):
    """Who keeps predictions."""

    def push_rows(self, endpoint: str, rows: bytes, /) -> object:
        """Keep the rows of an Arrow IPC stream."""


def send(work: Work, answers: Path, to: LogTo, log: Log, signature: Signature) -> None:
    """Log a part's rows that have an answer."""
    said = parquet.ParquetFile(answers)
    for came, group in zip(batches(work.part), range(said.num_row_groups), strict=True):
        rows = _rows(came, said.read_row_group(group, use_threads=False), work, to, signature)
        if len(rows):
            log.push_rows(to.endpoint, _stream(rows))


def _rows(came: pa.Table, said: pa.Table, work: Work, to: LogTo, signature: Signature) -> pa.Table:
    called = work.called
    prediction = said.column(called["prediction"])
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "request_id": said.column(called["request_id"]),
        "index": said.column(called["index"]),
        "event_time": _times(came, work, to, signature),
        "revision": pa.repeat(to.revision, len(came)),
    }
    classes = tasks.of(signature.task or "regression").names(signature.classes or [])
    if signature.outputs[0].values() == 1:
        columns["prediction"] = prediction
    else:
        chances = [said.column(called[f"probability_{name}"]).to_numpy() for name in classes]
        columns["probabilities"] = pa.array(list(np.stack(chances, axis=1)), pa.list_(pa.float64()))
    inputs = typed(came, signature, work)
    for item in signature.inputs:
        columns[item.name if item.column in OURS else item.column] = inputs[item.column].values
    table = pa.table(columns)
    return table.filter(pc.and_(pc.is_valid(prediction), pc.is_valid(table.column("event_time"))))


def _times(came: pa.Table, work: Work, to: LogTo, signature: Signature) -> pa.Array:
    """When each row happened: by its column, else when all did."""
    if to.event_time is None:
        return pa.array([to.at] * len(came), pa.timestamp("us", "UTC"))
    zone = signature.timezone or work.timezone
    return convert(
        cells.raw(came.column(to.event_time)), "timestamp", zone, to.event_time, work.dialect
    ).values


def _stream(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()
