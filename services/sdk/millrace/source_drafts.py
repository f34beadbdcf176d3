"""Drafts a loop whose rows come by themselves: the source from its address, its cursor and the rest from a sample."""

import re
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from millrace import drafting
from millrace.client import JobFailed, Millrace
from millrace.drafting import NoDraft, Sample
from millrace_contracts.pulls import LookResult, LookSpec
from millrace_contracts.sources import BUCKET, DATABASE, HAS_PASSWORD, WEB, Source
from millrace_contracts.tables import Dialect
from millrace_table import reading
from millrace_table.inference import TaskName

ROWS = 50_000
"""Rows of a query that a loop is drafted from."""
KEPT = {"env": "env", "file": "file", "secret": "secretRef"}
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
    named = dict(_secret(text) for text in secrets)
    if re.search(HAS_PASSWORD, address):
        field = "bearer" if re.match(WEB, address) else "password"
        raise NoDraft(
            "the address has a password in it",
            f"Leave it out, and say where it is kept: --secret {field}=env:VARIABLE, or file:/PATH. The variable is "
            "that of 'millrace up'.",
        )
    kind, place = _place(address, table, query, named, dict(_pair(text) for text in options))
    whole = {kind: place, "every": every, "dialect": dialect and dialect.model_dump(exclude_none=True)}
    try:
        return Source.model_validate({key: value for key, value in whole.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise NoDraft(f"{where or 'source'}: {what}", "See 'millrace init --help'.") from None


def _place(
    address: str,
    table: str | None,
    query: str | None,
    named: Mapping[str, object],
    options: dict[str, str],
) -> tuple[str, dict[str, object]]:
    if re.match(DATABASE, address):
        asked = {"uri": address, "table": table, "query": query, **named}
        if (table is None) == (query is None):
            raise NoDraft(
                "a database has many tables", "Say which rows: --table NAME, or --query 'SELECT …'."
            )
        return "sql", {key: value for key, value in asked.items() if value is not None}
    if table is not None or query is not None:
        raise NoDraft(f"{_shown(address)} is no database", "--table and --query are for databases.")
    if re.match(BUCKET, address):
        pattern = options.pop("pattern", "*")
        return "bucket", {"url": address, "pattern": pattern, "options": options, "secrets": named}
    if re.match(WEB, address):
        return "http", {"url": address, **named}
    raise NoDraft(
        f"{_shown(address)} is no address of a source",
        "Use postgresql://…, sqlite:///…, s3://…, gs://…, az://…, file:///… or https://…; a file is --data.",
    )


def _secret(text: str) -> tuple[str, dict[str, object]]:
    """`password=env:NAME` and the like. Raises: NoDraft, without repeating what may be the secret itself."""
    field, _, place = text.partition("=")
    kind, _, name = place.partition(":")
    if kind not in KEPT or not name:
        raise NoDraft(
            f"--secret {field[:40]}: it says where a secret is kept, not what it is",
            "Like --secret password=env:SHOP_PASSWORD, password=file:/PATH, or password=secret:NAME/KEY in a cluster.",
        )
    if kind != "secret":
        return field, {KEPT[kind]: name}
    secret, _, key = name.partition("/")
    return field, {KEPT[kind]: {"name": secret, "key": key}}


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise NoDraft(f"--option {name[:40]} has no value", "Like --option region=eu-central-1.")
    return name, value


def _shown(address: str) -> str:
    return urlsplit(address)._replace(query="", fragment="").geturl()[:100] or "the address"


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
