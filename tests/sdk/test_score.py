"""`millrace score`: where the answers go is said once, and a secret is named, never held."""

import json

import pytest
from tests.sdk.examples import endpoint, job, version

from millrace.cli.places import places
from millrace.cli.scoring import _form


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("env:SHOP", {"env": "SHOP", "file": None, "secret_ref": None}),
        ("file:/run/shop", {"env": None, "file": "/run/shop", "secret_ref": None}),
        ("secret:shop/uri", {"env": None, "file": None, "secret_ref": {"name": "shop", "key": "uri"}}),
    ],
)
def test_a_connection_is_named_by_its_place(said, kept):
    assert places(None, None, None, "scored", said, [], []).sink.sql.connection.model_dump() == kept


@pytest.mark.parametrize("said", [None, "postgresql://me:word@host/db", "env:"])
def test_a_secret_itself_is_no_place(fake, millrace, tmp_path, said):
    (tmp_path / "a.csv").write_text("x\n1\n")
    more = [] if said is None else ["--connection", said]
    done = millrace("score", "shop", "--data", tmp_path / "a.csv", "--table", "scored", *more)
    assert done.code == 1
    assert "--connection says where" in done.stderr
    assert "word" not in done.stderr


@pytest.mark.parametrize("more", [[], ["--out", "a.csv", "--table", "scored", "--connection", "env:SHOP"]])
def test_the_answers_go_to_one_place(fake, millrace, tmp_path, more):
    (tmp_path / "a.csv").write_text("x\n1\n")
    done = millrace("score", "shop", "--data", tmp_path / "a.csv", *more)
    assert done.code == 1
    assert "where the answers go" in done.stderr


def test_a_folder_of_one_kind_of_files_is_answered_in_that_kind(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).touch()
    assert _form([tmp_path], tmp_path / "scored") == "parquet"
    (tmp_path / "c.jsonl").touch()
    assert _form([tmp_path], tmp_path / "scored") == "csv"
    assert _form([tmp_path], tmp_path / "all.jsonl") == "jsonl"


SCORING = {
    "loop": "shop", "number": 3, "state": "succeeded", "cause": "hand", "due_at": None, "version": 2,
    "source": "a query", "sink": "table scored", "rows": 50, "answered": 49, "rejects": 1, "repeated": 0,
    "written": ["scored"], "seconds": 0.5, "cpu_seconds": 0.4, "rows_per_second": 100.0, "attempts": 1, "job": "j",
    "message": "49 of 50 rows.", "next_at": None, "created_at": "2030-01-01T00:00:00Z",
    "ended_at": "2030-01-01T00:00:01Z",
}  # fmt: skip


def test_what_a_loop_declares_is_scored_now_and_waited_for(fake, millrace):
    going = SCORING | {"state": "scoring", "ended_at": None}
    fake.answers["POST /v1/loops/shop:score"] = (202, going)
    fake.answers["GET /v1/loops/shop/scores/3"] = (200, SCORING)
    done = millrace("score", "shop")
    assert (done.code, done.stdout) == (0, "Scoring 3: 49 of 50 rows.\n")
    failed = SCORING | {"state": "failed", "ended_at": None, "message": "the database is away"}
    fake.answers["GET /v1/loops/shop/scores/3"] = (200, failed)
    done = millrace("score", "shop")
    assert done.code == 1
    assert "scoring 3 failed: the database is away" in done.stderr
    fake.answers["POST /v1/loops/shop:score"] = (
        404,
        {"title": "Not found", "status": 404, "detail": "shop declares nothing to score"},
    )
    assert "shop declares nothing to score" in millrace("score", "shop").stderr


def test_without_rows_nothing_else_can_be_said(fake, millrace):
    done = millrace("score", "shop", "--out", "scored.csv")
    assert done.code == 1
    assert "the loop's own declaration counts alone" in done.stderr


def test_scorings_are_listed_and_shown(fake, millrace):
    fake.answers["GET /v1/loops/shop/scores"] = (200, [SCORING])
    told = millrace("scores", "list", "shop").stdout
    assert "by hand" in told
    assert "49 of 50 rows." in told
    assert "rows_per_second" in millrace("scores", "show", "shop").stdout
    fake.answers["GET /v1/loops/shop/scores"] = (200, [])
    assert "has scored nothing yet" in millrace("scores", "show", "shop").stderr


def test_a_source_is_read_before_its_rows_are_scored_into_a_bucket(fake, millrace, tmp_path):
    """The rows are kept as they are now; what is asked of the job names them, and where the answers go."""
    (tmp_path / "source.yaml").write_text("sql:\n  connection: {env: SHOP}\n  query: SELECT 1 AS id\n")
    kept = {"kind": "artifact", "digest": "sha256:" + "1" * 64, "name": "query", "format": "parquet"}
    results, asked = {"gather": {"files": [kept], "before": None}}, []

    def submit(body):
        asked.append(json.loads(body))
        return job(kind=asked[-1]["kind"], state="succeeded", result=results.get(asked[-1]["kind"]))

    fake.answers["POST /v1/jobs"] = (201, submit)
    fake.answers[f"GET /v1/jobs/{job()['id']}"] = (
        200,
        job(kind="gather", state="succeeded", result=results["gather"]),
    )
    fake.answers["GET /v1/endpoints/shop"] = (200, endpoint())
    fake.answers["GET /v1/models/shop/versions/2"] = (200, version())
    millrace("score", "shop", "--source", tmp_path / "source.yaml", "--out", "s3://bucket/scored")
    gather, score = asked
    assert gather["spec"]["source"]["sql"] == {"connection": {"env": "SHOP"}, "query": "SELECT 1 AS id"}
    assert score["spec"]["files"] == [kept]
    assert score["spec"]["sink"]["bucket"]["url"] == "s3://bucket/scored"


def said(source, *, query=None, out=None, secrets=(), options=()):
    found = places(source, query, out, None, None, list(secrets), list(options))
    parts = (found.source, found.sink)
    return [part and part.model_dump(mode="json", by_alias=True, exclude_defaults=True) for part in parts]


KEYS = ("access_key_id=env:KEY", "secret_access_key=file:/run/key")
KEPT = {"access_key_id": {"env": "KEY"}, "secret_access_key": {"file": "/run/key"}}


def test_an_address_names_the_rows_and_secrets_go_where_they_belong():
    uri, query = "postgresql://reader@db/shop", "SELECT 1 AS id"
    rows = {"sql": {"uri": uri, "query": query, "password": {"env": "PW"}}}
    assert said(uri, query=query, secrets=["password=env:PW"]) == [rows, None]
    sink = {"bucket": {"url": "s3://b/scored", "options": {"region": "x"}, "secrets": KEPT}}
    both = said(
        uri, query=query, out="s3://b/scored", secrets=["password=env:PW", *KEYS], options=["region=x"]
    )
    assert both == [rows, sink]
    assert said("env:SHOP", query=query)[0] == {"sql": {"connection": {"env": "SHOP"}, "query": query}}
    bucket = said("s3://b/rows", out="s3://b/scored", secrets=KEYS, options=["region=x", "pattern=*.csv"])
    assert bucket[0] == {"bucket": {**sink["bucket"], "url": "s3://b/rows", "pattern": "*.csv"}}
    assert bucket[1] == sink
    assert said("https://h/a.csv", secrets=["bearer=env:T"])[0]["http"]["bearer"] == {"env": "T"}


REFUSED = [
    (
        ["--source", "postgresql://me:tiger@db/shop", "--query", "SELECT 1"],
        "the address has a password in it",
    ),
    (["--source", "postgresql://me@db/shop"], "--query 'SELECT * FROM customers'"),
    (["--source", "https://h/a.csv", "--query", "SELECT 1"], "is no database"),
    (["--source", "customers.yml"], "there is no file customers.yml"),
    (["--source", "shop"], "is no address of a source"),
    (
        ["--source", "env:SHOP", "--query", "SELECT 1", "--secret", "bearer=env:T"],
        "--secret bearer: nothing here",
    ),
    (
        ["--source", "env:SHOP", "--query", "SELECT 1", "--option", "region=x"],
        "--option region: nothing here",
    ),
    (["--source", "https://h/a.csv", "--secret", "bearer=tiger"], "where a secret is kept, not what it is"),
]


@pytest.mark.parametrize(("words", "told"), REFUSED)
def test_what_names_no_place_is_refused_with_the_remedy(fake, millrace, words, told):
    done = millrace("score", "shop", *words, "--out", "scored.csv")
    assert done.code == 1
    assert told in " ".join(done.stderr.split())
    assert "tiger" not in done.stderr
