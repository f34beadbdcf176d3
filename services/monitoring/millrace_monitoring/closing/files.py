"""A closed day's rows as one Parquet file."""

import pyarrow as pa
import pyarrow.parquet as pq


def table_of(data: bytes) -> pa.Table:
    """The table of a day's file."""
    return pq.read_table(pa.BufferReader(data))


def parquet(table: pa.Table) -> bytes:
    """The table as Parquet; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()
