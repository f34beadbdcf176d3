"""Job `look`: whether a source can be read, and what its first rows are; nothing is kept."""

from millrace_contracts.pulls import LookResult, LookSpec, SourceColumn
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
    table = reader(spec.source).sample(spec.source, kit, spec.rows)
    columns = [SourceColumn(name=field.name, type=str(field.type)) for field in table.schema]
    rows = [[_shown(cell) for cell in row.values()] for row in table.to_pylist()]
    return LookResult(columns=columns, rows=rows, notes=kit.notes)


def _shown(cell: object) -> str | None:
    return None if cell is None else str(cell)[:LONGEST]
