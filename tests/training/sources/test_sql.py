"""Rows of real databases: every row once, in batches or late, whatever happens in between."""

import sqlite3

import pytest

from millrace_contracts.rows import IngestSpec
from millrace_training.rows import ingest
from millrace_training.rows.records import Records
from millrace_training.runtime.errors import JobError
from millrace_training.sources import databases

SALES = """CREATE TABLE sales (
    id bigint PRIMARY KEY, shop text, amount numeric(10, 2), price numeric, sold_at timestamptz, code uuid)"""


def some(first, last, hour="sold_at"):
    """Rows *first* to *last*, one an hour; two of each pair have the same time."""
    return f"""INSERT INTO sales SELECT g, 'shop ' || (g % 3), g * 1.25, 10 + (g % 40) * 1.5,
        timestamptz '2024-01-01 00:00Z' + (g / 2) * interval '1 hour', md5(g::text)::uuid
        FROM generate_series({first}, {last}) g"""


@pytest.fixture
def shop(database):
    database(SALES, some(1, 200))
    return database


def source(database, every=None, **more):
    asked = {"uri": database.uri, "table": "sales", "cursor": "sold_at"} | more
    return {"sql": {name: value for name, value in asked.items() if value is not None}}


def ids(rows):
    return sorted(rows().column("id").to_pylist())


def test_all_rows_come_first_and_then_only_new_ones(shop, pulled, rows, client):
    first = pulled(source(shop))
    assert (first.new_rows, first.dataset_version, first.refused) == (200, 1, 0)
    assert pulled(source(shop)).new_rows == 0
    shop(some(201, 250))
    again = pulled(source(shop))
    assert (again.new_rows, again.dataset_version) == (50, 2)
    assert ids(rows) == list(range(1, 251))
    assert client.registry.dataset_version("sales").source.cursor == "time:2024-01-06T05:00:00+00:00"


def test_numeric_is_numbers_and_other_types_are_text(shop, pulled, rows):
    pulled(source(shop))
    columns = {field.name: str(field.type) for field in rows().schema}
    assert columns["amount"] == columns["price"] == "double"
    assert columns["code"] == columns["shop"] == "string"


def test_rows_with_the_time_of_the_last_one_are_not_lost_and_not_counted_twice(shop, pulled, rows):
    pulled(source(shop))
    shop(
        "INSERT INTO sales SELECT 215, shop, amount, price, sold_at, md5('late')::uuid FROM sales WHERE id = 200"
    )
    result = pulled(source(shop))
    assert (result.new_rows, result.known_rows) == (1, 1)
    assert ids(rows) == [*range(1, 201), 215]


def test_late_rows_come_with_the_look_back_and_not_without(shop, pulled, rows):
    pulled(source(shop))
    shop(
        "INSERT INTO sales SELECT 215, shop, amount, price, sold_at, md5('late')::uuid FROM sales WHERE id = 190"
    )
    assert pulled(source(shop)).new_rows == 0
    result = pulled(source(shop, lookBack="1d"))
    assert (result.new_rows, result.known_rows) == (1, 49)
    assert pulled(source(shop, lookBack="1d")).new_rows == 0
    assert ids(rows) == [*range(1, 201), 215]


def test_a_look_back_of_whole_numbers(shop, pulled, rows):
    pulled(source(shop, cursor="id"))
    shop(some(205, 210))
    pulled(source(shop, cursor="id"))
    shop(some(201, 204))
    assert pulled(source(shop, cursor="id")).new_rows == 0
    assert pulled(source(shop, cursor="id", lookBackSteps=10)).new_rows == 4
    assert ids(rows) == list(range(1, 211))


@pytest.mark.parametrize("size", [1, 7, 30, 31])
def test_batches_of_any_size_bring_every_row_once(size, shop, pulled, rows):
    pulled(source(shop))
    shop(some(201, 230))
    assert pulled(source(shop, batchRows=size)).new_rows == 30
    result = pulled(source(shop, batchRows=size))
    assert (result.new_rows, result.refused, result.more) == (0, 0, False)
    assert ids(rows) == list(range(1, 231))


def test_a_table_without_a_cursor_is_read_whole_and_its_known_rows_count_once(shop, pulled, rows, client):
    pulled(source(shop, cursor=None))
    assert pulled(source(shop, cursor=None)).new_rows == 0
    shop(some(201, 210), "DELETE FROM sales WHERE id < 50")
    result = pulled(source(shop, cursor=None))
    assert (result.new_rows, result.known_rows) == (10, 151)
    assert ids(rows) == list(range(1, 211))


STEPS = ("ensure_dataset", "latest", "keep", "add_version", "versions", "refused", "rows")
"""What a pull asks of the registry; between any two of them it may be killed."""


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place", range(20))
def test_a_pull_killed_at_any_step_brings_every_row_once(
    place, after, shop, pulled, rows, context, monkeypatch
):
    told = {"count": 0}

    def dying(name):
        kept = getattr(Records, name)

        def call(self, *arguments):
            told["count"] += 1
            mine = told["count"] == place + 1
            if mine and not after:
                raise Killed
            answer = kept(self, *arguments)
            if mine:
                raise Killed
            return answer

        return call

    for name in STEPS:
        monkeypatch.setattr(Records, name, dying(name))
    batches = source(shop, batchRows=120)
    job = context("one")
    for _ in range(3):
        try:
            result = pulled(batches, job)
            break
        except Killed:
            shop(some(201, 202) + " ON CONFLICT DO NOTHING")
    monkeypatch.undo()
    seen = ids(rows)
    assert seen == list(range(1, len(seen) + 1))
    assert result.new_rows == len(seen) >= 200
    assert pulled(batches).new_rows == 0


def test_two_pulls_at_the_same_time_bring_every_row_once(shop, pulled, rows, monkeypatch):
    kept = ingest.take

    def slow(*arguments):
        monkeypatch.setattr(ingest, "take", kept)
        shop(some(201, 220))
        pulled(source(shop))
        return kept(*arguments)

    monkeypatch.setattr(ingest, "take", slow)
    pulled(source(shop))
    pulled(source(shop))
    assert ids(rows) == list(range(1, 221))


def test_what_is_refused_is_kept_and_what_comes_after_is_read(shop, pulled, rows, client):
    pulled(source(shop))
    shop(some(201, 260).replace("10 + (g % 40) * 1.5", "1e9 * g"))
    refused = pulled(source(shop, lookBack="1d"))
    assert (refused.refused, refused.new_rows) == (1, 0)
    assert refused.deliveries[0].quarantine is not None
    assert "price" in refused.reason
    shop(some(261, 300))
    after = pulled(source(shop, lookBack="1d"))
    assert (after.refused, after.new_rows) == (0, 40)
    assert len(client.registry.quarantined("sales")) == 1


def test_a_refused_delivery_that_is_taken_after_all_hides_no_row_behind_it(
    shop, pulled, rows, client, context
):
    pulled(source(shop))
    shop(some(201, 260).replace("10 + (g % 40) * 1.5", "1e9 * g"))
    entry = pulled(source(shop)).deliveries[0].quarantine
    shop(some(261, 300))
    pulled(source(shop))
    taken = {
        "dataset": "sales",
        "source": {"kind": "quarantined", "entry": entry},
        "target": "price",
        "widen": True,
    }
    assert ingest.run(IngestSpec.model_validate(taken), context()).new_rows == 60
    shop(some(301, 320))
    assert pulled(source(shop)).new_rows == 20
    assert ids(rows) == list(range(1, 321))


def test_a_row_that_is_left_out_is_told(shop, pulled, rows):
    pulled(source(shop, cursor="id"))
    shop(some(201, 260), "UPDATE sales SET amount = 999999 WHERE id = 260")
    result = pulled(source(shop, cursor="id"))
    assert result.new_rows == 59
    assert "1 row was left out (amount: 1 row (" in result.reason


def test_a_query_can_join_and_name_columns(shop, pulled, rows):
    query = "SELECT id, amount AS price, sold_at FROM sales WHERE shop <> 'shop 0'"
    result = pulled(source(shop, table=None, query=query))
    assert result.new_rows == 134
    assert rows().column_names == ["id", "price", "sold_at"]


WRONG = [
    ({"table": "nowhere"}, "nowhere"),
    ({"cursor": "nope"}, "nope"),
    ({"table": None, "query": "SELECT 1; SELECT 2"}, "did not answer"),
    ({"table": None, "query": "DELETE FROM sales RETURNING *"}, "did not answer"),
    ({"cursor": "amount"}, "cast it"),
    ({"uri": "postgresql://u@127.0.0.1:1/shop"}, "Connection refused"),
]


@pytest.mark.parametrize(("change", "says"), WRONG)
def test_what_is_wrong_is_said_in_words(change, says, shop, pulled):
    with pytest.raises(JobError) as refused:
        pulled(source(shop, **change))
    assert says in f"{refused.value} {refused.value.mend}"


def test_nothing_can_be_written(shop, pulled):
    with pytest.raises(JobError):
        pulled(
            source(shop, table=None, query="SELECT setval('s', 1) AS price FROM (SELECT 1) x", cursor=None)
        )


def test_a_connection_that_breaks_is_tried_again(shop, pulled, rows, monkeypatch):
    kept, tries = databases.Database.ask, []

    def shaky(self, *arguments):
        tries.append(1)
        if len(tries) < 3:
            self._connection.close()
            raise databases.Passing(JobError("gone", "gone"))
        return kept(self, *arguments)

    monkeypatch.setattr(databases.Database, "ask", shaky)
    assert pulled(source(shop)).new_rows == 200


def test_sqlite_is_a_database_too(tmp_path, pulled, rows):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE sales (id integer, price real, at text)")
        made.executemany(
            "INSERT INTO sales VALUES (?, ?, ?)",
            [(n, n * 1.5, f"2024-01-{1 + n // 10:02} 08:00") for n in range(200)],
        )
    made.close()
    asked = {"sql": {"uri": f"sqlite:///{path}", "table": "sales", "cursor": "at", "lookBack": "2d"}}
    assert pulled(asked).new_rows == 200
    with sqlite3.connect(path) as made:
        made.execute("INSERT INTO sales VALUES (200, 7.5, '2024-01-20 07:00')")
    made.close()
    result = pulled(asked)
    assert (result.new_rows, result.known_rows) == (1, 20), result.reason
    with pytest.raises(JobError, match="cannot be reached"):
        pulled({"sql": {"uri": f"sqlite:///{tmp_path}/none.db", "table": "sales"}})
    assert not (tmp_path / "none.db").exists()
