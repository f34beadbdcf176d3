"""Drafts a loop whose rows come by themselves: the source from its address, its cursor and the rest from a sample."""

import tempfile
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from millrace import addresses, drafting
from millrace.client import JobFailed, Millrace
from millrace.drafting import NoDraft, Sample
from millrace_contracts.pulls import LookResult, LookSpec
from millrace_contracts.sources import Source
from millrace_contracts.tables import Dialect
from millrace_table import reading
from millrace_table.inference import TaskName

ROWS = 50_000
"""Rows of a query that a loop is drafted from."""
LATE = "2d"
"""How long rows may come late, where the cursor is when they happened."""


def declared(
    address: str,
    table: str | None,
    query: str | None,
    secrets: list[str],
    options: list[str],
    every: str | None,
    dialect: Dialect | None,
) -> Source:
    """The source that an address and what is said beside it declare. Raises: NoDraft."""
    try:
        named, more = dict(map(addresses.secret, secrets)), dict(map(addresses.option, options))
        place = addresses.rows(address, named, more, table, query)
        said = {"every": every, "dialect": dialect and dialect.model_dump(exclude_none=True)}
        return addresses.checked(Source, {**place, **said}, "init")
    except addresses.NoPlace as error:
        raise NoDraft(str(error), error.mend) from None


def look(
    client: Millrace,
    source: Source,
    target: str,
    time: str | None,
    timezone: str,
    task: TaskName | None = None,
) -> tuple[Source, Sample]:
    """The source with the cursor that its rows suggest, and what a look at them tells. Raises: NoDraft; ApiError."""
    try:
        asked = LookSpec(source=source, rows=1, sample_rows=ROWS)
        job = client.training.run(asked, f"look-{uuid.uuid4().hex}")
    except JobFailed as error:
        told = error.job.error
        mend = str((told.model_extra or {}).get("mend", "")) if told is not None else ""
        raise NoDraft(
            told.detail if told is not None else str(error), mend or "Look at the address."
        ) from None
    result = LookResult.model_validate(job.result)
    if result.sample is None:
        raise NoDraft("the platform keeps no samples", "Start a newer one.")
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        path = Path(folder) / f"sample.{result.sample.format}"
        path.write_bytes(client.registry.get_artifact(result.sample.digest))
        try:
            found = drafting.look(path, target, time, timezone, task, source.dialect)
        except NoDraft as error:
            raise NoDraft(str(error).replace(str(path), result.sample.name), error.mend) from None
        whole, notes = _with_cursor(source, path, time) if source.sql is not None else (source, [])
    found.notes[:0] = [*result.notes, *notes]
    return whole, found


def _with_cursor(source: Source, path: Path, time: str | None) -> tuple[Source, list[str]]:
    assert source.sql is not None
    proposed = cursor(reading.load(path, "parquet").table, time)
    if not proposed:
        note = "No column grows with every new row, so the whole is read at each look; known rows count once."
        return source, [note]
    sql = source.sql.model_copy(update=proposed)
    late = f"; {LATE} before it are read again for late rows" if "look_back" in proposed else ""
    note = f"'{proposed['cursor']}' is the cursor: only rows at or behind its last value are read{late}."
    return source.model_copy(update={"sql": sql}), [note]


def cursor(rows: pa.Table, time: str | None) -> dict[str, str]:
    """A column that grows with every new row: the event time, else a whole number that counts up; {} for none."""
    if time is not None and time in rows.column_names and not rows.column(time).null_count:
        return {"cursor": time, "look_back": LATE}
    for name in rows.column_names:
        column = rows.column(name)
        if pa.types.is_integer(column.type) and not column.null_count and _counts_up(column):
            return {"cursor": name}
    return {}


def _counts_up(column: pa.ChunkedArray) -> bool:
    """Whether no value comes twice, and each is greater than the one before it; two rows say nothing yet."""
    if len(column) < 3:
        return False
    return bool(pc.all(pc.greater(column.slice(1), column.slice(0, len(column) - 1))).as_py())
