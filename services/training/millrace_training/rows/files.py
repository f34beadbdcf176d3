"""Parquet files of dataset versions: the same rows give the same bytes."""

import pyarrow as pa
import pyarrow.parquet as parquet

ROW_GROUP = 1 << 16


def to_parquet(table: pa.Table) -> bytes:
    """The table as Parquet bytes (zstd); they depend on its rows and types alone."""
    sink = pa.BufferOutputStream()
    parquet.write_table(
        table.replace_schema_metadata(None).combine_chunks(),
        sink,
        row_group_size=ROW_GROUP,
        compression="zstd",
        compression_level=3,
        version="2.6",
        use_dictionary=True,
        write_statistics=True,
        store_schema=False,
        coerce_timestamps="us",
    )
    return bytes(sink.getvalue())


def from_parquet(parts: list[bytes]) -> pa.Table:
    """The rows of several files of one dataset, in order; a column that a file lacks is missing there."""
    tables = [parquet.read_table(pa.BufferReader(part)) for part in parts]
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
