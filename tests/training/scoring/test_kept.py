"""Columns beside the answers keep their values, in files of any kind and in tables that were there before."""

import datetime
import io
import sqlite3
from decimal import Decimal

import adbc_driver_postgresql.dbapi as postgresql
import orjson
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from tests.training.scoring.examples import Registry, table

from millrace_training.runtime.errors import JobError
from millrace_training.scoring.targets import Target

LONG = Decimal("12345678901234567890.12")
BERLIN = datetime.datetime(2024, 5, 3, 9, 53, 20, tzinfo=datetime.UTC)
KEPT = {
    "decimal": (pa.array([LONG], pa.decimal128(30, 2)), '"12345678901234567890.12"', str(LONG), str(LONG)),
    "short decimal": (pa.array([Decimal("12.50")], pa.decimal128(10, 2)), '"12.50"', 12.5, 12.5),
    "unsigned": (pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1), 2**64 - 1, str(2**64 - 1)),
    "time": (pa.array([datetime.time(8, 30)]), '"08:30:00.000000"', "08:30:00.000000", "08:30:00.000000"),
    "list": (pa.array([[1, 2]]), '"[1,2]"', [1, 2], "[1,2]"),
    "zoned": (
        pa.array([BERLIN], pa.timestamp("s", "Europe/Berlin")),
        "2024-05-03 11:53:20.000+0200",
        "2024-05-03T11:53:20+02:00",
        "2024-05-03T11:53:20+02:00",
    ),
    "nanoseconds": (
        pa.array([1714730000123456789], pa.timestamp("ns")),
        "2024-05-03 09:53:20.123456789",
        "2024-05-03T09:53:20.123456789",
        "2024-05-03 09:53:20.123456789",
    ),
}


def sent(registry, rows, name="may.parquet"):
    data = io.BytesIO()
    parquet.write_table(rows, data)
    return {"digest": registry.keep(data.getvalue()), "name": name, "format": "parquet"}


def asked(registry, rows, **more):
    return {"model": "shop", "version": 3, "files": [sent(registry, rows)]} | more


@pytest.mark.parametrize("kind", KEPT)
def test_a_kept_cell_is_what_it_was_in_every_kind_of_file(kind, score, tmp_path, monkeypatch):
    column, in_csv, in_json, in_sqlite = KEPT[kind]
    registry, rows = Registry(), table(1).append_column("x", column)
    told = score(registry, asked(registry, rows, keep=["x"]), "csv")
    assert registry.store[told.files[0].digest].decode().splitlines()[1].rsplit(",", 4)[0] == in_csv
    told = score(registry, asked(registry, rows, keep=["x"], output="jsonl"), "jsonl")
    assert orjson.loads(registry.store[told.files[0].digest])["x"] == in_json
    monkeypatch.setenv("LITE", f"sqlite:///{tmp_path}/lite.db")
    sink = {"sql": {"connection": {"env": "LITE"}, "table": "scored"}}
    score(registry, asked(registry, rows, keep=["x"], sink=sink), "table")
    assert sqlite3.connect(tmp_path / "lite.db").execute("SELECT x FROM scored").fetchall() == [(in_sqlite,)]


@pytest.fixture
def shop(database, monkeypatch):
    """`shop(*statements)` runs them and returns the rows of the last; the database is what SHOP_DATABASE names."""
    uri = database.replace("+asyncpg", "")
    monkeypatch.setenv("SHOP_DATABASE", uri)

    def run(*statements):
        with postgresql.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    run.uri = uri
    return run


SINK = {"sql": {"connection": {"env": "SHOP_DATABASE"}, "table": "scored"}}
OURS = "prediction numeric(10, 2), version varchar(10), request_id text, index int"


def test_a_table_with_types_of_its_own_takes_the_rows(shop, score):
    registry, rows = (
        Registry(),
        table(2).append_column("code", pa.array(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 2)),
    )
    shop(f'CREATE TABLE scored (code uuid, "sold at" timestamptz, size numeric, id serial, {OURS})')
    score(registry, asked(registry, rows, keep=["code", "size", "sold at"], sink=SINK))
    found = shop('SELECT prediction::text, version, code::text, "sold at"::text FROM scored ORDER BY index')
    assert found[0] == ("9.08", "3", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "2030-01-01 00:00:00+00")
    assert shop("SELECT count(*) FROM pg_class WHERE relname = 'millrace_came'") == [(0,)]


def test_a_clock_time_is_one_of_the_loops_zone_in_a_row_and_in_a_table(shop, score):
    registry, rows = Registry(), table(1)
    clock = rows.append_column("clock", rows.column("sold at").cast(pa.timestamp("us")))
    shop(f'CREATE TABLE scored (clock timestamptz, "sold at" timestamp, {OURS})')
    spec = asked(registry, clock, keep=["clock", "sold at"], sink=SINK, timezone="Europe/Berlin")
    score(registry, spec)
    told = "SELECT (clock AT TIME ZONE 'UTC')::text, \"sold at\"::text FROM scored"
    assert shop(told) == [("2029-12-31 23:00:00", "2030-01-01 01:00:00")]


def test_a_text_that_is_no_time_is_refused_by_its_column(shop, score):
    registry, rows = Registry(), table(1)
    shop(f"CREATE TABLE scored (customer timestamptz, {OURS})")
    with pytest.raises(
        JobError,
        match="The column customer of the table holds timestamp with time zone, and a row brings 'c0'",
    ):
        score(registry, asked(registry, rows, keep=["customer"], sink=SINK))


def test_a_number_beyond_64_bits_is_no_negative_one(shop, score):
    registry, rows = Registry(), table(1).append_column("x", pa.array([2**64 - 1], pa.uint64()))
    score(registry, asked(registry, rows, keep=["x"], sink=SINK))
    assert shop("SELECT x FROM scored") == [(str(2**64 - 1),)]


def test_who_may_only_insert_can_write(shop, score, monkeypatch):
    registry, role = Registry(), "writer_of_kept"
    score(registry, asked(registry, table(3), sink=SINK), "first")
    shop(f"CREATE ROLE {role} LOGIN", f"GRANT INSERT ON scored TO {role}")
    shop(f"GRANT SELECT, INSERT ON millrace_written TO {role}")
    monkeypatch.setenv("SHOP_DATABASE", shop.uri.replace("postgres@", f"{role}@"))
    score(registry, asked(registry, table(5), sink=SINK), "second")
    assert shop("SELECT count(*) FROM scored") == [(8,)]
    shop(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "uri", ["postgresql://me:geh/eim@word#1@127.0.0.1:1/x", "postgresql://me:geh eim@h/x"]
)
def test_no_piece_of_a_uri_that_cannot_be_read_is_told(uri, shop, score, monkeypatch):
    monkeypatch.setenv("SHOP_DATABASE", uri)
    registry = Registry()
    with pytest.raises(JobError, match="Its URI cannot be read") as refused:
        score(registry, asked(registry, table(1), sink=SINK))
    assert "geh" not in str(refused.value)


def test_our_columns_differ_from_those_of_the_rows_in_more_than_capitals(score, tmp_path, monkeypatch):
    monkeypatch.setenv("LITE", f"sqlite:///{tmp_path}/lite.db")
    registry, rows = Registry(), table(2).append_column("Prediction", pa.array([1, 2]))
    sink = {"sql": {"connection": {"env": "LITE"}, "table": "scored"}}
    told = score(registry, asked(registry, rows, sink=sink))
    assert told.columns[0] == "millrace_prediction"


def test_files_of_one_name_do_not_write_over_each_other(score):
    registry, rows = Registry(), table(2)
    names = ["jan.parquet", "Jan.parquet", "rejects.parquet"]
    spec = asked(registry, rows) | {"files": [sent(registry, rows, name) for name in names]}
    assert [file.name for file in score(registry, spec).files] == ["jan.csv", "Jan-2.csv", "rejects-2.csv"]


def test_a_number_beyond_a_column_of_small_floats_is_refused_and_not_written_as_infinity():
    target = Target({"x": "real"}, {"x": "real"}, "UTC")
    assert target.fitted(pa.table({"x": [1.5, float("inf"), None]})).column("x").to_pylist()[:2] == [
        1.5,
        float("inf"),
    ]
    with pytest.raises(JobError, match=r"column x of the table holds real.*1e\+300"):
        target.fitted(pa.table({"x": [1.5, 1e300]}))
