"""Answers go into a table of a real PostgreSQL: a part and its mark in one transaction, nothing lost or doubled."""

import io

import adbc_driver_postgresql.dbapi as postgresql
import pyarrow.parquet as parquet
import pytest
from pydantic import ValidationError
from tests.training.scoring.examples import Registry, table

from millrace_contracts.scoring import ScoreSpec
from millrace_training.runtime.errors import Cancelled, JobError
from millrace_training.scoring import sources
from millrace_training.scoring.sinks import IntoTable

ROWS = 250


@pytest.fixture
def uri(database):
    return database.replace("+asyncpg", "")


@pytest.fixture
def asked(uri, monkeypatch):
    """`asked(registry)`: a spec of five parts, whose database is a secret of the environment."""
    monkeypatch.setattr(sources, "PART_ROWS", 60)
    monkeypatch.setenv("SHOP_DATABASE", uri)

    def make(registry, name="scored"):
        sink = io.BytesIO()
        parquet.write_table(table(ROWS), sink, row_group_size=50)
        source = {"digest": registry.keep(sink.getvalue()), "name": "may.parquet", "format": "parquet"}
        into = {"connection": {"env": "SHOP_DATABASE"}, "table": name}
        return {"model": "shop", "version": 3, "files": [source], "sink": {"sql": into}}

    return make


def ask(uri, statement):
    with postgresql.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def whole(uri, name="scored"):
    """Whether every row is there once."""
    found = ask(uri, f'SELECT "index" FROM {name} ORDER BY "index"')
    return [number for (number,) in found] == list(range(ROWS))


def test_rows_and_answers_stand_in_the_table(score, asked, uri):
    registry = Registry()
    result = score(registry, asked(registry))
    assert (result.files, result.written, result.repeated) == ([], ["scored"], 0)
    assert whole(uri)
    first = ask(uri, "SELECT customer, shop, open, prediction, version FROM scored WHERE index = 4")[0]
    assert first[:3] == ("c4", "north", True)
    assert first[4] == 3


def test_wherever_it_stops_every_row_comes_once(score, asked, uri):
    registry = Registry()
    for looks in (2, 7, 8, 9, 10, 11, 12):
        name = f"stopped_{looks}"
        with pytest.raises(Cancelled):
            score(registry, asked(registry, name), name, stop_after=looks)
        score(registry, asked(registry, name), name)
        assert whole(uri, name)


def test_a_kill_between_rows_and_commit_leaves_neither(score, asked, uri, monkeypatch):
    registry, write = Registry(), IntoTable._write

    def dies():
        raise KeyboardInterrupt

    def killed(sink, number, answers):
        if number == 2:
            monkeypatch.setattr(sink._connection, "commit", dies)
        return write(sink, number, answers)

    monkeypatch.setattr(IntoTable, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        score(registry, asked(registry))
    assert ask(uri, "SELECT count(*), max(index) FROM scored") == [(100, 99)]
    monkeypatch.setattr(IntoTable, "_write", write)
    assert score(registry, asked(registry)).repeated == 100
    assert whole(uri)
    assert score(registry, asked(registry), "another").repeated == ROWS
    assert whole(uri)


def test_a_table_that_does_not_fit_is_told_without_the_secret(score, asked, uri):
    registry = Registry()
    with postgresql.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scored (other int)")
        connection.commit()
    with pytest.raises(JobError, match="The table scored takes no rows") as refusal:
        score(registry, asked(registry))
    assert uri not in refusal.value.detail
    assert ask(uri, "SELECT count(*) FROM millrace_written") == [(0,)]


@pytest.mark.parametrize(
    "sink",
    [
        {"table": "t"},
        {"table": "t", "uri": "postgresql://me:word@host/db"},
        {"table": "t", "uri": "bigquery://project"},
        {"table": "t", "connection": {"env": "A"}, "password": {"env": "B"}},
    ],
)
def test_a_sink_that_cannot_be_is_refused_when_it_is_asked_for(asked, sink):
    with pytest.raises(ValidationError):
        ScoreSpec.model_validate(asked(Registry()) | {"sink": {"sql": sink}})
