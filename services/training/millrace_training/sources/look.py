"""Job `look`: whether a source can be read, and what its first rows are; a sample is kept if one is asked for."""

import pyarrow as pa

from millrace_contracts.pulls import KeptSample, LookResult, LookSpec, SourceColumn
from millrace_training.rows import files
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.sources.kit import Kit
from millrace_training.sources.reading import reader
from millrace_training.sources.secrets import Secrets

LONGEST = 60
"""Signs of a cell that are shown."""


def run(spec: LookSpec, context: Context) -> LookResult:
    """The first rows as they are handed out, before any contract. Raises: JobError with what is in the way."""
    kit = Kit(context, Secrets(spec.source), Records(context).artifact, spec.source.dialect)
    table = reader(spec.source).sample(spec.source, kit, max(spec.rows, spec.sample_rows))
    columns = [SourceColumn(name=field.name, type=str(field.type)) for field in table.schema]
    first = table.slice(0, spec.rows)
    rows = [list(row) for row in zip(*(_shown(column) for column in first.columns), strict=True)]
    sample = _kept(Records(context), kit, table) if spec.sample_rows else None
    return LookResult(columns=columns, rows=rows, notes=kit.notes, sample=sample)


def _kept(records: Records, kit: Kit, table: pa.Table) -> KeptSample:
    """The file as it is, so that it can be seen how it is written; rows of a query as Parquet."""
    data, format, name = kit.first or (files.to_parquet(table), "parquet", "sample")
    return KeptSample(digest=records.keep(data, "application/octet-stream"), format=format, name=name)


def _shown(column: pa.ChunkedArray) -> list[str | None]:
    """The cells as texts; a time of no year from 1 to 9999 as Arrow writes it."""
    try:
        cells = column.to_pylist()
    except (ValueError, OverflowError):
        cells = column.cast(pa.string()).to_pylist()
    return [None if cell is None else str(cell)[:LONGEST] for cell in cells]
