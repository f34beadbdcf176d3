"""Each migration meets rows: none changes or loses one, and what the version before writes still goes in."""

import asyncio
import datetime

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, insert, inspect, select
from sqlalchemy.ext.asyncio import create_async_engine

from millrace_core import migrate

from .old_rows import AT, DAY
from .test_old_rows import empty  # noqa: F401
from .test_postgresql import FIRST_IN_A_CLUSTER, PACKAGES

VALUES = {
    datetime.datetime: AT,
    datetime.date: DAY,
    bool: False,
    float: 1.5,
    bytes: b"bytes",
    dict: {},
    object: {},
}


def value(column, number):
    """Something that fits; equal in all tables, so that a row's parents are those of its number."""
    kind = column.type.python_type
    if kind is str:
        return f"s{number}"
    return number if kind is int else VALUES[kind]


def row(table, number):
    """A row of *table*, with every column that it has."""
    return {column.name: value(column, number) for column in table.columns}


def steps(name):
    """The schemas of a service that a cluster could hold, the oldest first."""
    scripts = ScriptDirectory(str(migrate._folder(f"millrace_{name}")))
    return [script.revision for script in scripts.walk_revisions()][::-1][FIRST_IN_A_CLUSTER[name] - 1 :]


def shape(connection):
    """What a version relies on: tables, their columns, and of each its type and whether it has to be given."""
    found = inspect(connection)
    return {
        (table, column["name"]): (str(column["type"]), column["nullable"] or column["default"] is not None)
        for table in found.get_table_names()
        for column in found.get_columns(table)
    }


async def looked(url, act):
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        found = await connection.run_sync(act)
    await engine.dispose()
    return found


def written(number, known=None):
    """Puts one row into each table, of those columns only that are *known*; returns the rows as they are read."""

    def act(connection):
        tables = MetaData()
        tables.reflect(connection)
        rows = {}
        for table in tables.sorted_tables:
            new = {
                name: item
                for name, item in row(table, number).items()
                if known is None or (table.name, name) in known
            }
            if table.name != "alembic_version" and new:
                connection.execute(insert(table).values(**new))
                rows[table.name] = new
        return rows

    return act


def held(connection):
    tables = MetaData()
    tables.reflect(connection)
    return {
        table.name: [dict(item) for item in connection.execute(select(table)).mappings()]
        for table in tables.sorted_tables
    }


def kept(rows, found):
    """Whether all of *rows* are found as they were written, but for columns that came later."""
    return all(
        any(all(plain(item[name]) == plain(was) for name, was in one.items()) for item in found[table])
        for table, one in rows.items()
    )


def plain(found):
    """SQLite keeps times without their zone: all are UTC."""
    return found.replace(tzinfo=None) if isinstance(found, datetime.datetime) else found


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_no_migration_changes_a_row_and_the_version_before_goes_on_writing(name, empty):  # noqa: F811
    revisions, rows, before = steps(name), [], {}
    for number, revision in enumerate(revisions, 1):
        migrate.upgrade(f"millrace_{name}", empty, revision)
        after = asyncio.run(looked(empty, shape))
        assert {key: after.get(key) for key in before} == before, f"{revision} changed what was there"
        rows.append(asyncio.run(looked(empty, written(1000 + number, before or None))))
        rows.append(asyncio.run(looked(empty, written(number))))
        found = asyncio.run(looked(empty, held))
        assert [kept(one, found) for one in rows] == [True] * len(rows), revision
        before = after
