"""A closed day's rows as one Parquet file."""

from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from millrace_contracts.names import ClassValue

CLASSES = b"classes"


def table_of(data: bytes) -> pa.Table:
    """The table of a day's file."""
    return pq.read_table(pa.BufferReader(data))


def classes_of(table: pa.Table, otherwise: Sequence[ClassValue]) -> list[ClassValue]:
    """The classes among which the file's labels are places; *otherwise* where it does not say so."""
    told = (table.schema.metadata or {}).get(CLASSES)
    return list(otherwise) if told is None else list(orjson.loads(told))


def parquet(table: pa.Table, classes: Sequence[ClassValue] = ()) -> bytes:
    """The table as Parquet, with the *classes* of its labels; the same table gives the same bytes."""
    if classes:
        table = table.replace_schema_metadata({CLASSES: orjson.dumps(list(classes))})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()
