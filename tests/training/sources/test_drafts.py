"""`init --source` drafts a loop from where the rows are: its document is one that the loop would be taken with."""

import sqlite3
from types import SimpleNamespace

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from millrace import source_drafts
from millrace.cli import drafting
from millrace.cli.main import app
from millrace.documents import load
from millrace.drafting import NoDraft
from millrace_training.sources import look


@pytest.fixture
def init(client, context, tmp_path, monkeypatch):
    """`init(*options)` runs the command; the look is a job in this process."""

    def run(spec, key):
        return SimpleNamespace(result=look.run(spec, context()).model_dump(mode="json"))

    platform = SimpleNamespace(training=SimpleNamespace(run=run), registry=client.registry)
    monkeypatch.setattr(drafting, "client", lambda: platform)

    def call(*options):
        done = CliRunner().invoke(app, ["init", "shop", "--into", str(tmp_path), *options])
        return done, tmp_path / "shop.yaml"

    return call


def test_a_table_of_a_database_becomes_a_loop_with_a_cursor(tmp_path, init):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE sales (id integer, price real, at text)")
        rows = [(n, n % 40 * 1.5, f"2024-01-{1 + n // 10:02} 08:00") for n in range(200)]
        made.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
    made.close()
    address = ("--source", f"sqlite://{path}", "--table", "sales", "--target", "price")
    done, file = init(*address, "--time", "at", "--every", "15m")
    assert done.exit_code == 0, done.output
    source = load(file).spec.data.source
    assert (source.sql.cursor, source.sql.look_back, source.every) == ("at", "2d", "15m")
    assert source.sql.uri == f"sqlite://{path}"
    assert "'at' is the cursor" in done.output
    done, file = init(*address, "--force")
    assert load(file).spec.data.source.sql.cursor == "id"


def test_files_of_a_folder_become_a_loop_with_the_dialect_that_they_have(tmp_path, init):
    (tmp_path / "daily").mkdir()
    lines = [f"{n};shop {n % 3};{n % 90},5" for n in range(1, 201)]
    (tmp_path / "daily" / "01.csv").write_text("\n".join(["id;shop;price", *lines]) + "\n")
    done, file = init(
        "--source", f"file://{tmp_path}/daily", "--option", "pattern=*.csv", "--target", "price"
    )
    assert done.exit_code == 0, done.output
    data = load(file).spec.data
    assert (data.source.bucket.pattern, data.contract.dialect.delimiter) == ("*.csv", ";")
    assert data.contract.column("price").type == "number"


WRONG = [
    (("postgresql://me:pa55word@db/shop",), "--secret password=env:VARIABLE"),
    (("https://data.example/x.csv?token=pa55word",), "--secret bearer=env:VARIABLE"),
    (("postgresql://me@db/shop", "--secret", "password=pa55word"), "says where a secret is kept"),
    (("postgresql://me@db/shop",), "--table NAME"),
    (("ftp://db/shop",), "is no address of a source"),
    (("s3://sales/daily", "--option", "access_token=pa55word"), "below secrets"),
    (("s3://sales/daily", "--table", "sales"), "is no database"),
]


@pytest.mark.parametrize(("given", "says"), WRONG)
def test_what_cannot_be_a_source_is_said_with_the_remedy_and_without_the_secret(given, says, init):
    extra = ("--table", "sales") if "pa55word" in "".join(given) and given[0].startswith("post") else ()
    done, file = init("--source", *given, *extra, "--target", "price")
    assert done.exit_code != 0
    assert says in " ".join(done.output.split())
    assert "pa55word" not in done.output
    assert not file.exists()


def test_a_secret_is_named_by_where_it_is_kept():
    def named(secret):
        source = source_drafts.declared("postgresql://me@db/shop", "sales", None, [secret], [], None, None)
        return source.sql.password.told()

    assert named("password=env:SHOP") == "env SHOP"
    assert named("password=file:/run/shop") == "file /run/shop"
    assert named("password=secret:shop/password") == "secretRef shop/password"


def test_only_what_grows_with_every_row_is_a_cursor():
    rows = pa.table({"text": ["a", "b", "c"], "twice": [1, 1, 2], "down": [3, 2, 1], "key": [1, 5, 9]})
    assert source_drafts.cursor(rows, None) == {"cursor": "key"}
    assert source_drafts.cursor(rows.drop_columns("key"), None) == {}
    gaps = pa.table({"at": pa.array([None, "2024-01-01"]), "n": [1, 2]})
    assert source_drafts.cursor(gaps, "at") == {}
    with pytest.raises(NoDraft):
        source_drafts.declared("sqlite:///x.db", None, None, [], [], None, None)
