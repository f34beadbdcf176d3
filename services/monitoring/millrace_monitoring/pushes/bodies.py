"""The labels of one push as bytes: Arrow, compressed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("index", pa.int32()),
        ("value", pa.float64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("author", pa.string()),
    ]
)
SAID = tuple(SCHEMA.names)
"""What is kept of a label."""
Said = tuple[float, datetime, str | None]
"""Value, time and author."""
Row = tuple[str, int]
"""A request, and the place of the row in it."""


@dataclass(frozen=True)
class Pushed:
    """One label as it was pushed."""

    request_id: str
    index: int
    value: float
    at: datetime
    author: str | None = None


def dump(rows: Iterable[Pushed]) -> bytes:
    """The labels as bytes, in the order of their rows."""
    ordered = sorted(rows, key=lambda row: (row.request_id, row.index))
    columns = [pa.array([getattr(row, field.name) for row in ordered], field.type) for field in SCHEMA]
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, SCHEMA, options=options) as writer:
        writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))
    return bytes(sink.getvalue())


def load(data: bytes) -> dict[Row, Said]:
    """What was said, by row. Raises: ValueError (Arrow's own) for bytes that are none of ours."""
    table = pa.ipc.open_stream(data).read_all()
    columns = [table[name].to_pylist() for name in SCHEMA.names]
    rows = zip(*columns, strict=True)
    return {(request, index): (value, at, author) for request, index, value, at, author in rows}


def is_before(data: bytes, moment: datetime) -> bool:
    """Whether all labels of a push became known before then; not of bytes that are none of ours."""
    try:
        return all(at < moment for _, at, _ in load(data).values())
    except (pa.ArrowInvalid, TypeError, OSError):
        return False
