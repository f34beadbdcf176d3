"""Rows that come from PostgreSQL by themselves: declared, fetched, trained on, and fetched again; no secret is told."""

import time

import adbc_driver_postgresql.dbapi as driver
import pytest
import yaml

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]
LOOP, PASSWORD = "shop", "tiger-4711-lily"
ROWS = """INSERT INTO sales SELECT g, 'shop ' || (g % 3), g % 40, 10 + (g % 40) * 1.5 + (g % 3) * 4,
    timestamptz '2024-01-01 00:00Z' + g * interval '1 hour' FROM generate_series({}, {}) g"""


@pytest.fixture(scope="module")
def shop(postgresql, tmp_path_factory):
    """A shop's database, and `shop(sql)` to change it; a password that opens it is in a file."""
    from tests import postgresql as databases

    uri = databases.create(postgresql).replace("postgresql+asyncpg://", "postgresql://", 1)
    secret = tmp_path_factory.mktemp("secrets") / "password"
    secret.write_text(PASSWORD + "\n")
    with connect(uri) as connection:

        def run(statement):
            with connection.cursor() as cursor:
                cursor.execute(statement)

        run("CREATE TABLE sales (id bigint, shop text, visitors int, revenue numeric, sold_at timestamptz)")
        run(ROWS.format(1, 900))
        run.uri, run.secret = uri, secret
        yield run


def connect(uri):
    return driver.connect(uri, autocommit=True)


def declared(shop, folder, **change):
    asked = {"uri": shop.uri, "password": {"file": str(shop.secret)}, "table": "sales", "cursor": "sold_at"}
    document = {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": LOOP},
        "spec": {
            "task": "regression",
            "target": "revenue",
            "data": {
                "dataset": LOOP,
                "eventTime": "sold_at",
                "exclude": ["id"],
                "source": {"sql": asked | change, "every": "10s"},
            },
            "training": {"search": {"trials": 2}, "executor": "inline", "holdout": "7d"},
        },
    }
    path = folder / "shop.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def until(ask, patience=60):
    """Ask again until the answer is true."""
    deadline = time.monotonic() + patience
    while not (answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.5)
    return answer


def test_a_source_is_tried_before_anything_is_applied(millrace, shop, tmp_path):
    told = millrace("sources", "test", "-f", declared(shop, tmp_path))
    assert "revenue (" in told
    assert "It can be read" in told
    wrong = millrace("sources", "test", "-f", declared(shop, tmp_path, table="salse"), code=1)
    assert 'relation "salse" does not exist' in wrong
    assert PASSWORD not in told + wrong


@pytest.mark.slow
def test_rows_come_in_a_run_is_opened_and_new_rows_follow(millrace, client, shop, tmp_path, platform):
    told = millrace("apply", "-f", declared(shop, tmp_path))
    assert "fetched from where they are" in told
    run = client.controller.await_run(LOOP, 1, timeout=170)
    assert run.state == "promoted", run
    assert client.registry.dataset_version(LOOP).rows == 900
    shop(ROWS.format(901, 950))
    until(lambda: client.registry.dataset_version(LOOP).rows == 950)
    shown = until(lambda: (item := millrace("sources", "list", "-o", "json")[0])["new_rows"] == 950 and item)
    assert (shown["loop"], shown["kind"], shown["failures"]) == (LOOP, "sql", 0)
    until(lambda: len(client.registry.decisions(loop=LOOP, kind="data.accepted")) == 2)
    assert PASSWORD not in repr(client.registry.decisions(loop=LOOP)) + repr(client.training.jobs(loop=LOOP))
    logs = [
        path
        for path in platform.home.rglob("*")
        if path.is_file() and path.suffix in (".log", ".jsonl", ".json")
    ]
    assert logs
    assert not [path for path in logs if PASSWORD.encode() in path.read_bytes()]
    millrace("delete", LOOP, "--yes")
