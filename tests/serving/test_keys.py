"""Keys over REST, on a gateway that asks for them: made, shown once, told, limited, expired and revoked."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from millrace.client import Millrace
from millrace_contracts.keys import KeyWrite

from .conftest import Serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """One that asks: `millrace up --protect`."""
    service = Serving(tmp_path_factory.mktemp("guarded"), public=False)
    try:
        service.start()
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def endpoint(serving):
    name = serving.endpoint()
    assert serving.rollout(name, 1)["state"] == "promoted"
    return name


@pytest.fixture
def make(serving):
    """Makes a key by its name and body."""

    def make(name, **body):
        answer = serving.client.post("/v1/keys", json={"name": name} | body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return make


def ask(serving, endpoint, shown=None):
    """A request at the gateway itself."""
    told = {"content-type": "application/json"}
    told |= {} if shown is None else {"authorization": f"Bearer {shown}"}
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    return httpx.post(url, content=BODY, headers=told, trust_env=False)


BODY = (
    b'{"inputs": [{"name": "distance", "datatype": "FP32", "shape": [1, 1], "data": [100.0]},'
    b'{"name": "origin", "datatype": "BYTES", "shape": [1, 1], "data": ["JFK"]},'
    b'{"name": "departed", "datatype": "INT64", "shape": [1, 1], "data": [1362898800000]}]}'
)


def test_a_key_is_shown_once_and_opens_its_endpoint_when_the_answer_comes(serving, endpoint, make):
    assert ask(serving, endpoint).status_code == 401
    made = make("first", endpoints=[endpoint], expires_at="2100-01-01T00:00:00Z")
    assert made["key"].startswith("mrk_")
    answer = ask(serving, endpoint, made["key"])
    assert answer.status_code == 200, answer.text
    listed = serving.client.get("/v1/keys")
    assert made["key"] not in listed.text
    (shown,) = [item for item in listed.json()["items"] if item["name"] == "first"]
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert shown["made_by"] == "user:admin"
    for path in serving.home.rglob("*"):
        if path.is_file():
            assert made["key"].encode() not in path.read_bytes(), path


def test_a_revoked_key_is_refused_when_the_answer_comes_and_decisions_say_by_whom(serving, endpoint, make):
    key = make("leaver", endpoints=[endpoint])["key"]
    assert ask(serving, endpoint, key).status_code == 200
    began = time.monotonic()
    assert serving.client.post("/v1/keys/leaver:revoke").json()["state"] == "revoked"
    assert ask(serving, endpoint, key).status_code == 401
    assert time.monotonic() - began < 5
    assert serving.client.post("/v1/keys/leaver:revoke").status_code == 200
    assert (
        serving.client.post("/v1/keys/leaver:expire", json={"at": "2100-01-01T00:00:00Z"}).status_code == 409
    )
    again = serving.client.post("/v1/keys", json={"name": "leaver"})
    assert again.status_code == 409
    assert "another name" in again.json()["detail"]
    deadline = time.monotonic() + 10
    while len(told := [item for item in serving.neighbours.decisions if item["subject"] == "key leaver"]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [item["kind"] for item in told] == ["key.made", "key.revoked"]
    assert {item["author"] for item in told} == {"user:admin"}
    assert key not in str(told)


def test_a_key_ends_when_it_was_said_to(serving, endpoint, make):
    key = make("brief", endpoints=[endpoint])["key"]
    assert ask(serving, endpoint, key).status_code == 200
    now = datetime.now(UTC).isoformat()
    assert serving.client.post("/v1/keys/brief:expire", json={"at": now}).json()["state"] == "expired"
    refused = ask(serving, endpoint, key)
    assert refused.status_code == 401
    assert "expired on" in refused.json()["detail"]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert serving.client.post("/v1/keys/brief:expire", json={"at": later}).json()["state"] == "valid"
    assert ask(serving, endpoint, key).status_code == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": "Bad Name"}, "name"), ({"name": "a", "endpoints": ["No"]}, "endpoints"),
        ({"name": "a", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "a", "expires_at": "2100-01-01T00:00:00"}, "expires_at"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"name": "a", "requests_per_second": 0}, "requests_per_second"),
        ({"name": "a", "max_body_bytes": -1}, "max_body_bytes"), ({"name": "a", "colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_with_the_place(serving, body, where):
    answer = serving.client.post("/v1/keys", json=body)
    assert answer.status_code == 422
    assert where in answer.text


def test_who_only_reads_sees_keys_and_makes_none(serving, make):
    make("seen")
    viewer = {"authorization": "Bearer viewer-token"}
    assert serving.client.get("/v1/keys/seen", headers=viewer).status_code == 200
    for path, body in (("/v1/keys", {"name": "x"}), ("/v1/keys/seen:revoke", None)):
        assert serving.client.post(path, json=body, headers=viewer).status_code == 403
    assert serving.client.get("/v1/keys/nowhere").status_code == 404
    assert serving.client.get("/v1/keys", params={"project": "other"}).json()["items"] == []


def test_rows_of_json_are_answered_for_who_may_and_for_a_key(serving, endpoint, make):
    """`:predict` goes through the gateway: serving shows its own token there, or the key that it was shown."""
    assert serving.predict(endpoint).status_code == 200
    key = make("rows", endpoints=[endpoint], requests_per_second=2)["key"]
    other = make("elsewhere", endpoints=["other"])["key"]

    def predict(shown):
        row = {"distance": 100.0, "origin": "JFK", "departed": "2013-03-10T07:00:00Z"}
        headers = {"authorization": f"Bearer {shown}"}
        return serving.client.post(f"/v1/endpoints/{endpoint}:predict", json={"rows": [row]}, headers=headers)

    assert predict(key).status_code == 200
    assert predict(other).status_code == 403
    assert predict("mrk_nobody").status_code == 401
    assert predict("viewer-token").status_code == 403
    assert 429 in {predict(key).status_code for _ in range(8)}
    assert serving.client.get("/v1/endpoints", headers={"authorization": f"Bearer {key}"}).status_code == 401


def test_people_and_services_with_a_token_that_may_predict_need_no_key(serving, endpoint):
    statuses = {
        name: ask(serving, endpoint, name).status_code for name in ("user-token", "own-token", "viewer-token")
    }
    assert statuses == {"user-token": 200, "own-token": 200, "viewer-token": 403}


def test_the_typed_client_makes_lists_and_revokes(serving):
    urls = dict.fromkeys(("registry", "training", "serving", "monitoring", "controller"), serving.url)
    with Millrace(urls, "user-token", "team") as client:
        made = client.serving.make_key(KeyWrite(name="typed", endpoints=["x"]))
        assert made.key.startswith("mrk_")
        assert [key.name for key in client.serving.keys()] == ["typed"]  # noqa: SIM118 - no mapping
        assert client.serving.revoke_key("typed").state == "revoked"


def test_serving_that_starts_again_knows_its_keys_and_the_gateway_goes_on_meanwhile(serving, endpoint, make):
    key = make("lasting", endpoints=[endpoint])["key"]
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    serving.kill()
    assert httpx.post(url, content=BODY, headers=headers, trust_env=False).status_code == 200
    assert httpx.post(url, content=BODY, trust_env=False).status_code == 401
    serving.start()
    assert httpx.post(url, content=BODY, headers=headers, trust_env=False).status_code == 200
