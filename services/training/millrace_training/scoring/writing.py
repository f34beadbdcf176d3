"""Files of answers from finished parts, in order and without holding them all: the same parts give the same bytes."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from millrace_contracts.names import WrittenFormat

MEDIA_TYPES: dict[WrittenFormat, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "jsonl": "application/x-ndjson",
}


def write(parts: Iterable[Path], path: Path, format: WrittenFormat) -> None:
    """One file of all *parts*. Raises: pyarrow.ArrowInvalid if their columns differ."""
    if format == "parquet":
        _parquet(parts, path)
        return
    with path.open("wb") as file:
        for number, table in enumerate(_tables(parts)):
            file.write(_csv(table, header=number == 0) if format == "csv" else _jsonl(table))


def _tables(parts: Iterable[Path]) -> Iterator[pa.Table]:
    """The rows of all parts, piece by piece."""
    for part in parts:
        with parquet.ParquetFile(part) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, use_threads=False)


def _parquet(parts: Iterable[Path], path: Path) -> None:
    """A row group for each part."""
    writer: parquet.ParquetWriter | None = None
    for part in parts:
        table = parquet.read_table(part, use_threads=False).combine_chunks()
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd", store_schema=False)
        writer.write_table(table, row_group_size=max(1, len(table)))
    if writer is not None:
        writer.close()


def _csv(table: pa.Table, header: bool) -> bytes:
    sink = io.BytesIO()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=header))
    return sink.getvalue()


def _jsonl(table: pa.Table) -> bytes:
    lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in table.to_pylist())
    return b"".join(lines)
