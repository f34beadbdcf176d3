"""Answers go to a bucket of an S3 server (moto's, as for sources): a new object each time, or one that is replaced."""

import io

import pyarrow.csv as csv
import pytest
from obstore.store import S3Store
from tests.training.scoring.examples import Registry
from tests.training.scoring.test_sinks import BAD, GOOD, HEADER, asked
from tests.training.sources.test_s3 import endpoint, pytestmark

from millrace_training.runtime.errors import JobError

__all__ = ["endpoint", "pytestmark"]


def sink(endpoint, url, **more):
    secrets = {"access_key_id": {"env": "SHOP_KEY"}, "secret_access_key": {"env": "SHOP_SECRET"}}
    options = {"endpoint": endpoint, "region": "us-east-1"}
    return {"bucket": {"url": url, "options": options, "secrets": secrets}} | more


def objects(endpoint):
    store = S3Store(
        "sales", endpoint=endpoint, access_key_id="a", secret_access_key="b", region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    found = [item for page in store.list() for item in page]
    return {item["path"]: bytes(store.get(item["path"]).bytes()) for item in found}


def test_a_scoring_is_an_object_and_what_could_not_be_read_stands_beside_it(score, endpoint):
    registry = Registry()
    spec = asked(registry, HEADER + GOOD * 150 + BAD, sink=sink(endpoint, "s3://sales/scored", format="csv"))
    result = score(registry, spec)
    assert result.written == ["s3://sales/scored/shop-1.csv", "s3://sales/scored/shop-1.rejects.csv"]
    first = objects(endpoint)
    assert csv.read_csv(io.BytesIO(first["scored/shop-1.csv"])).num_rows == 150
    assert b"It has more than 4 cells." in first["scored/shop-1.rejects.csv"]
    score(registry, spec, job="again")
    assert objects(endpoint) == first


def test_one_object_is_replaced_each_time_with_what_stands_beside_it(score, endpoint):
    registry, to = Registry(), sink(endpoint, "s3://sales/newest.jsonl")
    score(registry, asked(registry, HEADER + GOOD * 150 + BAD, sink=to))
    assert set(objects(endpoint)) == {"newest.jsonl", "newest.jsonl.rejects.csv"}
    score(registry, asked(registry, HEADER + GOOD * 3, sink=to), job="next")
    (only,) = objects(endpoint).items()
    assert (only[0], only[1].count(b"\n")) == ("newest.jsonl", 3)


def test_a_bucket_that_is_not_there_is_said_without_a_secret(score, endpoint):
    registry = Registry()
    spec = asked(registry, HEADER + GOOD, sink=sink(endpoint, "s3://elsewhere/scored"))
    with pytest.raises(JobError, match="The bucket takes no files") as refusal:
        score(registry, spec)
    assert "lily-4711" not in refusal.value.detail
