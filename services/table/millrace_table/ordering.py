"""Rows in the order of their event time, when they are too many to be put in order at once."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_table import engine, pieces
from millrace_table.pieces import PIECE, Filed, Rows


def ordered(rows: Rows, event_time: str | None) -> Rows:
    """Rows in the order of their event time; those of one instant as they came."""
    if event_time is None:
        return rows
    if isinstance(rows, Filed):
        return rows if _rise(rows, event_time) else _by_disk(rows, event_time)
    return rows.take(pc.sort_indices(rows, sort_keys=[(event_time, "ascending")]))


def _rise(rows: Filed, name: str) -> bool:
    """Whether they stand in order, as most do."""
    last: int | None = None
    for piece in rows.pieces([name]):
        if piece.column(0).null_count:
            return False
        times = np.asarray(piece.column(0).cast(pa.int64()))
        if len(times) and ((last is not None and times[0] < last) or (np.diff(times) < 0).any()):
            return False
        last = int(times[-1]) if len(times) else last
    return True


def _by_disk(rows: Filed, name: str) -> Filed:
    """Put in order by DuckDB, which has a disk; it takes `A` and `a` for one name, so columns go by their places."""
    target, names = rows.folder / "ordered.parquet", [f"c{place}" for place in range(len(rows.schema))]
    kinds = [*(field.type for field in rows.schema), pa.int64()]
    schema = pa.schema(list(zip([*names, "row"], kinds, strict=True)))
    with engine.engine(rows.folder) as database:
        database.register("came", pa.RecordBatchReader.from_batches(schema, _numbered(rows, schema)))
        wanted, time = ", ".join(names), names[rows.column_names.index(name)]
        query = database.sql(f"SELECT {wanted} FROM came ORDER BY {time} NULLS LAST, row")  # noqa: S608
        batches = (pa.Table.from_batches([batch]) for batch in query.to_arrow_reader(PIECE))
        tables = (batch.rename_columns(rows.column_names) for batch in batches)
        return pieces.write(tables, target, rows.schema)


def _numbered(rows: Filed, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows with where each stood, as those of one instant stay as they came."""
    first = 0
    for piece in rows.pieces():
        places = pa.array(np.arange(first, first + piece.num_rows))
        first += piece.num_rows
        yield from pa.table([*piece.columns, places], schema=schema).combine_chunks().to_batches()
