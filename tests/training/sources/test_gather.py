"""Rows that are to be scored are fetched once each: behind a cursor, file by file, or all of a table each time."""

import pytest

from millrace_contracts.batches import GatherSpec
from millrace_training.rows import files
from millrace_training.runtime.errors import JobError
from millrace_training.sources import gather

TABLE = "CREATE TABLE sales (id bigint, at timestamptz, shop text)"
ROWS = """INSERT INTO sales SELECT g, timestamptz '2020-01-01Z' + g * interval '1 minute', 's'
    FROM generate_series({}, {}) g"""


@pytest.fixture
def gathered(context, client):
    """`gathered(source)` fetches what is new since the call before; returns the ids of each piece."""
    known = {}

    def fetch(source, job=None):
        spec = GatherSpec.model_validate({"loop": "sales", "source": source, "before": known.get("before")})
        result = gather.run(spec, job or context())
        known["before"] = result.before
        artifacts = [client.registry.get_artifact(file.digest) for file in result.files]
        return [files.from_parquet([data]).column("id").to_pylist() for data in artifacts]

    return fetch


def sql(database, **more):
    return {"sql": {"uri": database.uri, "table": "sales", "cursor": "at"} | more}


def test_behind_a_cursor_each_row_comes_once_also_beside_one_of_the_same_value(database, gathered):
    database(TABLE, ROWS.format(1, 5))
    asked = sql(database)
    assert gathered(asked) == [[1, 2, 3, 4, 5]]
    assert gathered(asked) == []
    database("INSERT INTO sales VALUES (50, timestamptz '2020-01-01 00:05Z', 's')", ROWS.format(6, 7))
    assert gathered(asked) == [[50, 6, 7]]
    database("INSERT INTO sales VALUES (9, timestamptz '2020-01-01 00:01Z', 'too late')")
    assert gathered(asked) == []


def test_late_rows_come_by_the_look_back_and_nothing_comes_twice(database, gathered):
    database(TABLE, ROWS.format(1, 9))
    asked = sql(database, lookBack="5m", batchRows=4)
    assert gathered(asked) == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]
    database("INSERT INTO sales VALUES (50, timestamptz '2020-01-01 00:04Z', 'late')")
    assert gathered(asked) == [[50]]
    database("UPDATE sales SET shop = 'other' WHERE id = 8")
    assert gathered(asked) == [[8]]
    assert gathered(asked) == []


def test_without_a_cursor_all_rows_come_each_time(database, gathered):
    database(TABLE, ROWS.format(1, 3))
    asked = sql(database, cursor=None)
    assert gathered(asked) == gathered(asked) == [[1, 2, 3]]


def test_another_table_begins_from_nothing(database, gathered):
    database(TABLE, ROWS.format(1, 3), "CREATE TABLE others AS SELECT id + 100 AS id, at FROM sales")
    assert gathered(sql(database)) == [[1, 2, 3]]
    assert gathered(sql(database, table="others")) == [[101, 102, 103]]


def test_files_of_a_folder_come_once_and_again_when_they_change(context, tmp_path):
    folder = tmp_path / "new rows"
    folder.mkdir()
    known = None

    def names():
        nonlocal known
        spec = {"loop": "sales", "source": {"path": str(folder)}, "before": known}
        result = gather.run(GatherSpec.model_validate(spec), context())
        known = result.before
        return [(file.name, file.format) for file in result.files]

    (folder / "a.csv").write_text("id\n1\n")
    (folder / "notes.md").write_text("no rows")
    assert names() == [("a.csv", "csv")]
    assert names() == []
    (folder / "b.jsonl").write_text('{"id": 2}\n')
    (folder / "a.csv").write_text("id\n1\n3\n")
    assert names() == [("a.csv", "csv"), ("b.jsonl", "jsonl")]


def test_one_file_comes_once_and_no_other_of_its_name(context, tmp_path):
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "a.csv").write_text("id\n7\n")
    path, known, seen = tmp_path / "a.csv", None, []
    for text in ("id\n1\n", "id\n1\n", "id\n2\n"):
        path.write_text(text)
        spec = {"loop": "sales", "source": {"path": str(path)}, "before": known}
        result = gather.run(GatherSpec.model_validate(spec), context())
        known = result.before
        seen.append(len(result.files))
    assert seen == [1, 0, 1]


@pytest.mark.parametrize(
    ("path", "says"), [("rows.csv", "is relative"), ("/nowhere/rows.csv", "is not there")]
)
def test_a_path_that_is_nowhere_is_said(context, path, says):
    with pytest.raises(JobError, match=says):
        gather.run(GatherSpec.model_validate({"loop": "sales", "source": {"path": path}}), context())
