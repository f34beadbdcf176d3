"""Rows of a database, by ADBC: read only, in the order of a cursor, never a value of it cut in two."""

import hashlib
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.sources import RowSource, SqlSource
from millrace_training.rows import files, repeats
from millrace_training.rows.delivery import Delivery
from millrace_training.sources import cells, marks
from millrace_training.sources.databases import Database
from millrace_training.sources.kit import Kit
from millrace_training.sources.marks import Mark
from millrace_training.sources.past import Past
from millrace_training.sources.retries import patiently
from millrace_training.sources.selection import ROWS

REACHED = "reached"


@dataclass(frozen=True)
class Span:
    """What is asked for: from *low* (*behind*: without it) to *high*, *limit* rows at most."""

    low: Mark | None = None
    behind: bool = False
    high: Mark | None = None
    limit: int | None = None


def read(source: RowSource, before: Past, kit: Kit) -> Delivery | None:
    """The rows behind the cursor, at most a batch of them; without a cursor all rows, if they have changed."""
    asked = source.sql
    assert asked is not None
    if asked.cursor is None:
        return _whole(asked, before, patiently(_rows, asked, before, kit))
    while (table := patiently(_rows, asked, before, kit)).num_rows:
        origin = _origin(asked, before, table, kit)
        kit.kept[REACHED] = marks.last(table.column(asked.cursor), asked.cursor)
        fresh = _unrefused(table, _refused(asked, before, kit, table.schema))
        if fresh.num_rows:
            return Delivery(files.to_parquet(fresh), "parquet", origin)
        before = before.behind(origin)
    return None


def _unrefused(table: pa.Table, refused: pa.Table) -> pa.Table:
    return table.filter(pa.array(repeats.news(refused, table, []).fresh))


def _origin(asked: SqlSource, before: Past, table: pa.Table, kit: Kit) -> RowsOrigin:
    """Of rows in the order of the cursor; it never goes back, whatever late rows come."""
    assert asked.cursor is not None
    end = marks.last(table.column(asked.cursor), asked.cursor)
    reached = before.last.cursor if before.last and before.last.cursor else ""
    if reached and _is_late(asked, end, marks.parse(reached)):
        end = marks.parse(reached)
    to_come = end.is_to_come(kit.now)
    if to_come:
        told = f"{asked.cursor} goes to {end.value}, which is later than now"
        kit.note(f"{told}; rows behind {kit.now:%Y-%m-%d %H:%M} UTC are read again at each look.")
    return RowsOrigin(
        kind="source",
        name=f"{_name(asked)} up to {end.text().partition(':')[2]}"[:500],
        digest=before.key(
            "behind", before.last.digest if before.last else "", reached, str(len(before.digests))
        ),
        format="parquet",
        source=before.identity,
        cursor=end.text(),
        until=kit.now if to_come else None,
    )


def _is_late(asked: SqlSource, end: Mark, reached: Mark) -> bool:
    """Whether rows end before what was reached. Without a look-back none do, however a database sorts its texts."""
    behind = end.is_behind(reached)
    return not behind and (asked.looks_back() or not isinstance(end.value, str))


def _refused(asked: SqlSource, before: Past, kit: Kit, schema: pa.Schema) -> pa.Table:
    """Rows of refused deliveries that may be read again; they are in quarantine, and are not refused twice."""
    low = _low(asked, before, kit).low
    if low is None:
        return schema.empty_table()
    again = [
        artifact for artifact, cursor in before.refused if cursor and not low.is_behind(marks.parse(cursor))
    ]
    tables = [files.from_parquet([kit.artifact(digest)]) for digest in again]
    return pa.concat_tables(tables, promote_options="permissive") if tables else schema.empty_table()


def sample(source: RowSource, kit: Kit, rows: int) -> pa.Table:
    """The first rows of the query; rows without a cursor value are never read, so it says how many there are."""
    asked = source.sql
    assert asked is not None
    return patiently(_first, asked, kit, rows)


def _first(asked: SqlSource, kit: Kit, rows: int) -> pa.Table:
    """With a cursor it is asked as at a later look too, so that what fails there is known here."""
    with Database(asked, kit) as database:
        if asked.cursor is None:
            return _ask(asked, database, Span(limit=rows))
        _note_without(asked, database, kit)
        table = _ask(asked, database, Span(limit=rows))
        if table.num_rows:
            low = marks.last(table.column(asked.cursor), asked.cursor).back(asked)
            _ask(asked, database, Span(low=low, limit=1))
        return table


def _note_without(asked: SqlSource, database: Database, kit: Kit) -> None:
    assert asked.cursor is not None
    inner = _inner(asked, database)
    given = f"COALESCE({database.has_value(inner, asked.cursor)}, 1=0)"
    statement = f"SELECT COUNT(*) FROM {inner} AS {ROWS} WHERE NOT {given}"  # noqa: S608 - the loop's own query
    count = database.ask(statement, []).column(0)[0].as_py()
    if count:
        kit.notes.append(
            counted(count, "row has", "rows have")
            + f" no value of the cursor {asked.cursor}; {'it is' if count == 1 else 'they are'} not read."
        )


def _whole(asked: SqlSource, before: Past, table: pa.Table) -> Delivery | None:
    if table.num_rows == 0:
        return None
    data = files.to_parquet(table)
    key = before.key("whole", hashlib.sha256(data).hexdigest())
    if key in before.digests:
        return None
    origin = RowsOrigin(
        kind="source", name=_name(asked), digest=key, source=before.identity, format="parquet"
    )
    return Delivery(data, "parquet", origin)


def _name(asked: SqlSource) -> str:
    return f"table {asked.table}" if asked.table else "query"


def _rows(asked: SqlSource, before: Past, kit: Kit) -> pa.Table:
    with Database(asked, kit) as database:
        if asked.cursor is None:
            return _ask(asked, database, Span())
        return _batch(asked, database, _low(asked, before, kit))


def _low(asked: SqlSource, before: Past, kit: Kit) -> Span:
    """Where reading begins: behind what this job has read, else the look-back before the cursor."""
    reached = marks.reached(before.last, kit.now)
    if reached is None:
        return Span()
    if not before.strict:
        return Span(reached.back(asked))
    return Span(kit.kept.get(REACHED, reached), behind=True)


def _batch(asked: SqlSource, database: Database, span: Span) -> pa.Table:
    """At most a batch of rows; the rows of the last value stay for the next batch, as there may be more of them."""
    table = _ask(asked, database, replace(span, limit=asked.batch_rows + 1))
    if table.num_rows <= asked.batch_rows:
        return table
    assert asked.cursor is not None
    values = table.column(asked.cursor)
    end = marks.last(values, asked.cursor)
    whole = table.filter(pc.not_equal(values, values[-1]))
    return whole if whole.num_rows else _ask(asked, database, Span(low=end, high=end))


def _ask(asked: SqlSource, database: Database, span: Span) -> pa.Table:
    tail, marked = _tail(asked, database, span)
    return cells.plain(database.select(_inner(asked, database), tail, marked))


def _tail(asked: SqlSource, database: Database, span: Span) -> tuple[str, list[Mark]]:
    """Which rows of the table or query, in which order, with the parameters."""
    if asked.cursor is None:
        return _limit(span), []
    inner, name = _inner(asked, database), asked.cursor
    column, marked, terms = database.column(name), list[Mark](), [database.has_value(inner, name)]
    for mark, sign in ((span.low, ">" if span.behind else ">="), (span.high, "<=")):
        if mark is not None:
            marked.append(mark)
            terms.append(f"{column} {sign} {database.parameter(inner, name, len(marked), mark)}")
    return f" WHERE {' AND '.join(terms)} ORDER BY {column}{_limit(span)}", marked


def _inner(asked: SqlSource, database: Database) -> str:
    """The query in brackets, of which a comment at its end may be no part."""
    if asked.query is None:
        return database.quoted(*(asked.table or "").split("."))
    return f"({asked.query.strip().rstrip(';')}\n)"


def _limit(span: Span) -> str:
    return "" if span.limit is None else f" LIMIT {span.limit}"
