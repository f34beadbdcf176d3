"""What a loop declares to be scored is written each row once, whatever is killed: into SQLite, PostgreSQL, a bucket."""

import io
import sqlite3
import time
from collections import Counter
from contextlib import closing

import adbc_driver_postgresql.dbapi as driver
import psutil
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import pytest
from obstore.store import S3Store
from tests.loop.conftest import kill
from tests.training.sources import test_s3 as s3

from millrace.delivery import push
from millrace_contracts.loop import ModelLoop

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(600)]
LOOP, FIRST, MORE = "writer", 120_000, 3_000
ORDERS = """INSERT INTO orders SELECT g, 'shop ' || (g % 3), g % 40 FROM generate_series({}, {}) g"""
SECRETS = {"access_key_id": "a", "secret_access_key": "lily-4711"}


@pytest.fixture(scope="module")
def shop(postgresql, tmp_path_factory):
    """A database with orders, and `shop(sql)`, whose URI is in a file."""
    from tests import postgresql as databases

    uri = databases.create(postgresql).replace("postgresql+asyncpg://", "postgresql://", 1)
    folder = tmp_path_factory.mktemp("shop")
    for name, value in {"uri": uri, "lite": f"sqlite:///{folder}/shop.db", **SECRETS}.items():
        (folder / name).write_text(value + "\n")
    with driver.connect(uri, autocommit=True) as connection:

        def run(statement):
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if statement.startswith("SELECT") else None

        run("CREATE TABLE orders (id bigint, shop text, visitors int)")
        run(ORDERS.format(1, 500))
        run.folder = folder
        yield run


@pytest.fixture(scope="module")
def trained(client, tmp_path_factory):
    rows = [f"{n},shop {n % 3},{n % 40},{10 + n % 40 * 1.5 + n % 3 * 4}" for n in range(600)]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_text("\n".join(["id,shop,visitors,revenue", *rows]) + "\n")
    client.controller.apply(ModelLoop.model_validate(document(None)))
    assert push(client, LOOP, path).accepted
    run = client.controller.await_run(LOOP, 1, timeout=170)
    assert run.state == "promoted", run
    yield LOOP
    client.controller.delete(LOOP)


def document(batch):
    spec = {
        "task": "regression",
        "target": "revenue",
        "data": {"dataset": LOOP, "exclude": ["id"]},
        "training": {"search": {"trials": 1}, "executor": "inline"},
    }
    whole = spec if batch is None else spec | {"predict": {"batch": batch}}
    return {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": LOOP},
        "spec": whole,
    }


def kept(shop, name):
    return {"file": str(shop.folder / name)}


def to_sqlite(shop):
    def ids():
        with closing(sqlite3.connect(shop.folder / "shop.db")) as base:
            return [row[0] for row in base.execute("SELECT id FROM scored")]

    return {"sql": {"connection": kept(shop, "lite"), "table": "scored"}}, ids


def to_postgresql(shop):
    return (
        {"sql": {"connection": kept(shop, "uri"), "table": "scored"}},
        lambda: [row[0] for row in shop("SELECT id FROM scored")],
    )


def to_bucket(shop, endpoint):
    store = S3Store(
        "sales", endpoint=endpoint, region="us-east-1", client_options={"allow_http": True}, **SECRETS
    )

    def ids():
        listed = [item["path"] for page in store.list("scored") for item in page]
        files = [parquet.read_table(io.BytesIO(store.get(path).bytes())) for path in listed]
        return [value for file in files for value in file.column("id").to_pylist()]

    named = {name: kept(shop, name) for name in SECRETS}
    options = {"endpoint": endpoint, "region": "us-east-1"}
    return {"bucket": {"url": "s3://sales/scored", "options": options, "secrets": named}}, ids


@pytest.fixture(params=["sqlite", "postgresql", "s3"])
def sink(request, shop):
    """Where the answers go, and a question which ids are there."""
    if request.param == "s3":
        if not s3.SERVER:
            pytest.skip("MILLRACE_MOTO_SERVER names no server")
        return to_bucket(shop, request.getfixturevalue("endpoint"))
    return {"sqlite": to_sqlite, "postgresql": to_postgresql}[request.param](shop)


endpoint = s3.endpoint


def jobs(platform):
    """Processes of jobs that score."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        zombie = process.info["status"] == psutil.STATUS_ZOMBIE
        if "millrace_training.process.child" in line and str(platform.home) in line[-1] and not zombie:
            found.append(process)
    return found


def there(ids):
    """Which ids were written; none while there is no table yet."""
    try:
        return set(ids())
    except (sqlite3.OperationalError, driver.ProgrammingError):
        return set()


def at_work(platform, client):
    """The process of a job; what is new is scored now, if nothing goes on."""
    if not jobs(platform) and ended(client):
        client.controller.score(LOOP)
    return next(iter(jobs(platform)), None)


def until(check, patience=150):
    deadline = time.monotonic() + patience
    while not (seen := check()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return seen


def ended(client):
    newest = client.controller.scores(LOOP, 1)
    return newest and newest[0].ended_at is not None


def test_rows_are_written_once_though_their_jobs_and_services_are_killed(
    platform, client, trained, shop, sink
):
    to, ids = sink
    first = shop("SELECT max(id) FROM orders")[0][0] + 1
    last = first + FIRST + MORE - 1
    shop(ORDERS.format(first, last - MORE))
    rows = {"sql": {"connection": kept(shop, "uri"), "table": "orders", "cursor": "id"}}
    batch = {"source": rows, "sink": to, "schedule": "1m", "keep": ["id", "shop"]}
    client.controller.apply(ModelLoop.model_validate(document(batch)))
    for victim in ("job", "training", "job", "controller"):
        one = until(lambda: at_work(platform, client))
        dying = one if victim == "job" else psutil.Process(platform.services[victim].process.pid)
        kill(dying.pid)
        until(lambda dying=dying: not dying.is_running() or dying.status() == psutil.STATUS_ZOMBIE)
    until(lambda: ended(client) and last - MORE in there(ids))
    shop(ORDERS.format(last - MORE + 1, last))
    client.controller.score(LOOP)
    until(lambda: ended(client) and last in there(ids))
    assert set(range(first, last + 1)) <= there(ids)
    assert set(Counter(ids()).values()) == {1}
    secrets = [value.encode() for value in SECRETS.values() if len(value) > 1]
    logs = [path for path in platform.home.rglob("*.log") if path.is_file()]
    assert not [path for path in logs if any(secret in path.read_bytes() for secret in secrets)]


def test_by_hand_a_query_goes_to_a_file_and_to_a_table_once(millrace, trained, shop, tmp_path):
    place, query = f"file:{shop.folder}/uri", "SELECT * FROM orders WHERE id <= 500"
    rows = ("score", LOOP, "--source", place, "--query", query)
    told = millrace(*rows, "--out", tmp_path / "scored.csv", "--keep", "id")
    assert "500 of 500 rows answered by version 1" in told
    scored = csv.read_csv(tmp_path / "scored.csv").to_pydict()
    assert scored["id"] == list(range(1, 501))
    table = ("--table", "by_hand", "--connection", place, "--keep", "id")
    for _ in range(2):
        assert "500 of 500 rows answered" in millrace(*rows, *table)
    answers = shop("SELECT id, prediction FROM by_hand ORDER BY id")
    assert [id for id, _ in answers] == list(range(1, 501))
    assert scored["prediction"] == pytest.approx([value for _, value in answers])


def test_by_hand_answers_go_to_a_bucket_with_an_endpoint(millrace, trained, shop, request):
    if not s3.SERVER:
        pytest.skip("MILLRACE_MOTO_SERVER names no server")
    endpoint = request.getfixturevalue("endpoint")
    _, ids = to_bucket(shop, endpoint)
    said = [f"{name}=file:{shop.folder / name}" for name in SECRETS]
    secrets = [word for item in said for word in ("--secret", item)]
    options = ["--option", f"endpoint={endpoint}", "--option", "region=us-east-1"]
    rows = ("--source", f"file:{shop.folder}/uri", "--query", "SELECT * FROM orders WHERE id <= 500")
    told = millrace("score", LOOP, *rows, "--out", "s3://sales/scored", "--keep", "id", *secrets, *options)
    assert "500 of 500 rows answered" in told
    assert sorted(ids()) == list(range(1, 501))
