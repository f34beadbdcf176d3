"""A value of a database is what the database means by it, whatever its driver makes of its type."""

import sqlite3

import pytest

from millrace_contracts.pulls import LookSpec
from millrace_contracts.sources import RowSource
from millrace_training.runtime.errors import JobError
from millrace_training.sources import databases, look, sql
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past
from millrace_training.sources.secrets import Secrets

UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
VALUES = [
    ("'-1234.5'::money", -1234.5),
    ("interval '1 day 2 hours'", 93600.0),
    ("time '08:30'", "08:30:00"),
    ("'08:30+02'::timetz", "08:30:00+02"),
    ("inet '10.0.0.1'", "10.0.0.1/32"),
    ("int4range(1, 5)", "[1,5)"),
    ("B'101'", "101"),
    ("3000000000::oid", 3_000_000_000),
    ("9007199254740993::numeric", 9_007_199_254_740_993),
    ("12345678901234567891::numeric", "12345678901234567891"),
    ("12.50::numeric(10, 2)", 12.5),
    ("12.50::price", 12.5),
    ("7::money_price", 7),
    ("'ok'::mood", "ok"),
    (f"'{UUID}'::uuid", UUID),
    ("ROW(1, 'a', 2.5)", '{"f1":1,"f2":"a","f3":2.5}'),
    ("'{\"a\": 1}'::jsonb", '{"a": 1}'),
    ("ARRAY[1.5, 2]::numeric[]", [1.5, 2.0]),
    ("ARRAY[1, 2, 3]", [1, 2, 3]),
    ("ARRAY[[1, 2, 3], [4, 5, 6]]", [[1, 2, 3], [4, 5, 6]]),
    ("ARRAY['ok'::mood]", ["ok"]),
    (f"ARRAY['{UUID}'::uuid]", f'["{UUID}"]'),
]


@pytest.fixture
def types(database):
    database(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN price AS numeric(10, 2)",
        "CREATE DOMAIN money_price AS money",
    )
    return database


@pytest.fixture
def asked(context):
    """`asked(uri, query)` are the columns as they are handed on, with the notes that go with them."""

    def ask(uri, query, **more):
        source = RowSource.model_validate({"sql": {"uri": uri, "query": query} | more})
        kit = Kit(context(), Secrets(source), lambda digest: b"")
        table = sql._rows(source.sql, Past("s"), kit)
        return table.to_pydict()

    return ask


@pytest.mark.parametrize(("written", "value"), VALUES, ids=[written for written, _ in VALUES])
def test_a_value_is_what_the_database_means(written, value, types, asked):
    got = asked(types.uri, f"SELECT {written} AS x UNION ALL SELECT NULL")["x"]
    assert [str(cell) if hasattr(cell, "hour") else cell for cell in got] == [value, None]


def test_arrays_of_several_depths_are_told_apart(types, asked):
    query = "SELECT ARRAY[1, 2] AS x UNION ALL SELECT ARRAY[[1], [2]] UNION ALL SELECT '{}'::int[]"
    assert asked(types.uri, query)["x"] == ["[1,2]", "[[1],[2]]", "[]"]


def test_two_columns_of_one_name_are_named(types, asked):
    with pytest.raises(JobError, match="'id' is there twice"):
        asked(types.uri, "SELECT 1 AS id, 2 AS id")


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS x -- all of them", "SELECT 1 AS x;", "SELECT 1 AS x /* so */ ;\n"]
)
def test_a_comment_or_a_semicolon_at_the_end_is_no_part_of_a_query(query, types, asked):
    assert asked(types.uri, query)["x"] == [1]


def test_an_error_in_the_middle_of_the_rows_is_told(types, asked):
    with pytest.raises(JobError, match="division by zero"):
        asked(types.uri, "SELECT 1 / (200000 - g) AS x FROM generate_series(1, 300000) g")


def test_a_server_that_goes_away_in_the_middle_is_asked_again(types, asked, monkeypatch):
    kept, tries = databases.Database._fetched, []

    def broken(self, reader):
        tries.append(1)
        if len(tries) == 1:
            raise OSError("[libpq] server closed the connection unexpectedly")
        return kept(self, reader)

    monkeypatch.setattr(databases.Database, "_fetched", broken)
    with pytest.raises(databases.Passing):
        asked(types.uri, "SELECT 1 AS x")


CURSORS = {
    "uuid": "md5(g::text)::uuid",
    "mood": "(CASE WHEN g > 30 THEN 'ok' ELSE 'sad' END)::mood",
    "char(5)": "lpad(g::text, 3, '0')::char(5)",
    "numeric(30)": "12345678901234567890 + g",
    "timestamp": "timestamp '2024-01-01' + g * interval '1 hour'",
    "date": "date '2024-01-01' + g / 4",
}


@pytest.mark.parametrize("kind", CURSORS)
def test_a_cursor_of_any_type_that_sorts_brings_every_row_once(kind, types, pulled, rows):
    query = (
        f"SELECT g AS id, 10 + g % 40 AS price, ({CURSORS[kind]})::{kind} AS c FROM generate_series(1, 120) g"
    )
    types(f"CREATE TABLE t AS SELECT * FROM ({query}) x ORDER BY c LIMIT 60")
    source = {"sql": {"uri": types.uri, "table": "t", "cursor": "c"}}
    assert pulled(source).new_rows == 60
    types(f"INSERT INTO t SELECT * FROM ({query}) x WHERE id NOT IN (SELECT id FROM t)")
    assert pulled(source).new_rows == 60
    assert sorted(rows().column("id").to_pylist()) == list(range(1, 121))


def test_a_cursor_that_no_later_look_could_ask_for_is_told_at_the_first(types, context):
    source = {"sql": {"uri": types.uri, "query": "SELECT '1'::xml AS x", "cursor": "x"}}
    with pytest.raises(JobError):
        look.run(LookSpec.model_validate({"source": source}), context())


AT = """SELECT g AS id, 10 + g % 40 AS price, timestamptz '2024-01-01Z' + g * interval '1 hour' AS at
    FROM generate_series(1, 60) g"""


def test_a_row_of_a_time_to_come_hides_no_row(types, pulled, rows):
    types(f"CREATE TABLE t AS {AT}", "INSERT INTO t VALUES (61, 20, '2099-01-01Z')")
    source = {"sql": {"uri": types.uri, "table": "t", "cursor": "at"}}
    first = pulled(source)
    assert first.new_rows == 61
    assert "2099-01-01 00:00:00+00:00, which is later than now" in first.reason
    types("INSERT INTO t VALUES (62, 20, now())")
    again = pulled(source)
    assert (again.new_rows, again.known_rows) == (1, 1)
    assert pulled(source).new_rows == 0
    assert sorted(rows().column("id").to_pylist()) == list(range(1, 63))


def test_a_text_of_a_time_to_come_hides_no_row(tmp_path, pulled):
    made = sqlite3.connect(tmp_path / "shop.db")
    made.execute("CREATE TABLE t (id integer, price real, at text)")
    days = [f"2024-01-{1 + n // 10:02} 08:00" for n in range(60)]
    made.executemany(
        "INSERT INTO t VALUES (?, ?, ?)",
        [(n, n % 40, at) for n, at in enumerate([*days, "2099-01-01 08:00"])],
    )
    made.commit()
    source = {"sql": {"uri": f"sqlite:///{tmp_path}/shop.db", "table": "t", "cursor": "at"}}
    assert pulled(source).new_rows == 61
    made.execute("INSERT INTO t VALUES (61, 7.5, datetime('now'))")
    made.commit()
    made.close()
    assert pulled(source).new_rows == 1


def test_a_row_of_infinite_time_is_not_read_and_is_counted(types, pulled, context):
    types(f"CREATE TABLE t AS {AT}", "INSERT INTO t VALUES (61, 20, 'infinity'), (62, 20, NULL)")
    source = {"sql": {"uri": types.uri, "table": "t", "cursor": "at"}}
    assert pulled(source).new_rows == 60
    told = look.run(LookSpec.model_validate({"source": source}), context())
    assert told.notes == ["2 rows have no value of the cursor at; they are not read."]


def test_infinite_times_are_shown_and_refused_by_name(types, pulled, context):
    until = "CASE WHEN id > 2 THEN {} 'infinity' ELSE {} '2024-01-01' END"
    day, moment = until.format("date", "date"), until.format("timestamp", "timestamp")
    types(f"CREATE TABLE t AS SELECT *, {day} AS day, {moment} AS moment FROM ({AT}) x")
    source = {"sql": {"uri": types.uri, "table": "t"}}
    assert len(look.run(LookSpec.model_validate({"source": source}), context()).rows) == 5
    result = pulled(source)
    assert "day: 58 cells are no timestamp" in result.reason
    assert "moment: 58 cells are no timestamp" in result.reason


@pytest.fixture
def lite(tmp_path, asked):
    """`lite(values)` are the values of a column of SQLite as they are handed on."""

    def told(values, kind=""):
        path = tmp_path / "lite.db"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as made:
            made.execute(f"CREATE TABLE t (x {kind})")
            made.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
        made.close()
        return asked(f"sqlite:///{path}", "SELECT x FROM t")["x"]

    return told


def test_a_column_of_sqlite_may_change_its_mind_in_any_row(lite):
    assert lite([1] * 2000 + [1.5]) == [1.0] * 2000 + [1.5]
    assert lite([None] * 70_000 + ["abc"]) == [None] * 70_000 + ["abc"]
    assert lite([5] * 2000 + [2.5], "DECIMAL(10, 2)") == [5.0] * 2000 + [2.5]
    assert lite([9_007_199_254_740_993] * 70_000 + ["n/a"])[:1] == ["9007199254740993"]


def test_numbers_among_texts_of_sqlite_keep_their_digits(lite):
    assert lite([0.1234567890123, 2.0, 7, "n/a", None, b"\x00\xff"]) == [
        "0.1234567890123",
        "2",
        "7",
        "n/a",
        None,
        "00ff",
    ]
    assert lite([float("inf"), 1]) == [float("inf"), 1.0]
    assert lite([float("inf"), "x"]) == ["inf", "x"]
    assert lite([]) == []


@pytest.mark.parametrize("more", [1, 70_000])
def test_long_whole_numbers_of_sqlite_keep_their_digits_beside_fractions(lite, more):
    exact, long = 2**53, 2**53 + 1
    assert lite([long] * more + [1.5, 2.0, None]) == [str(long)] * more + ["1.5", "2", None]
    assert lite([1.5, 2] * more + [-long]) == ["1.5", "2"] * more + [str(-long)]
    assert lite([1.5] * more + [exact, -exact]) == [1.5] * more + [float(exact), float(-exact)]
    assert lite([long] * more) == [long] * more


def test_text_of_sqlite_that_is_no_utf_8_is_told(tmp_path, asked):
    sqlite3.connect(tmp_path / "lite.db").close()
    with pytest.raises(JobError, match="UTF-8"):
        asked(f"sqlite:///{tmp_path}/lite.db", "SELECT CAST(x'ff' AS TEXT) AS x")
