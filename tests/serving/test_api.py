"""The REST interface without a data plane: backtests, refusals, permissions; bad input stores nothing."""

import pytest
from fastapi.testclient import TestClient

from millrace.client.api import Api
from millrace.client.serving import Serving as Client
from millrace.transport.errors import ApiError
from millrace_contracts.endpoints import EndpointRollback, EndpointWrite
from millrace_core.auth import permission_of, routes
from millrace_serving.main import build
from millrace_serving.settings import ServingSettings

from . import graphs
from .conftest import write_tokens

DAY = 86400
USER = {"authorization": "Bearer user-token"}


@pytest.fixture
def client(tmp_path):
    write_tokens(tmp_path)
    app = build(ServingSettings(home=tmp_path, data_plane=False, safety_seconds=60))
    with TestClient(app, base_url="http://localhost", headers=USER, raise_server_exceptions=False) as client:
        app.state.services.clients.monitoring.arms = nobody_watches
        app.state.services.clients.registry.record_as_written = nothing
        yield client


async def nothing(*_, **__):
    return {}


async def nobody_watches(*_, **__):
    raise ApiError(404, {}, "")


def candidate(version, **changes):
    return {
        "key": f"run-{version}",
        "model": "air-time",
        "version": version,
        "signature": graphs.SIGNATURE,
        "files": {"model.onnx": "sha256:" + f"{version:064x}"},
        "golden": graphs.golden(),
        "plan": {"mirror": {"percent": 100, "seconds": DAY}, "canary": [{"percent": 10, "seconds": DAY}]},
        "event_time": "2013-03-01T00:00:00Z",
        "loop": "flights",
    } | changes


@pytest.fixture
def backtest(client):
    body = {"model": "air-time", "mode": "backtest", "timezone": "America/New_York"}
    assert client.put("/v1/endpoints/flights", json=body).status_code == 200
    return "/v1/endpoints/flights"


def advance(client, path, at):
    answer = client.post(f"{path}:advance", json={"event_time": at})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_backtest_walks_the_same_states_without_a_data_plane(client, backtest):
    client.post(f"{backtest}/rollouts", json=candidate(1))
    first = client.get(f"{backtest}/rollouts/1", params={"wait": 5}).json()
    assert first["state"] == "promoted"
    client.post(f"{backtest}/rollouts", json=candidate(2))
    states = [advance(client, backtest, f"2013-03-0{day}T00:00:00Z")["rollout"]["state"] for day in (1, 2, 3)]
    assert states == ["mirroring", "canary", "promoted"]
    endpoint = client.get(backtest).json()
    assert (endpoint["stable_version"], endpoint["url"]) == (2, None)
    back = {"reason": "worse", "key": "k", "version": 1}
    assert client.post(f"{backtest}:rollback", json=back).json()["stable_version"] == 1


def test_a_rollout_from_outside_event_time_counts_from_the_first_it_is_told(client, backtest):
    client.post(f"{backtest}/rollouts", json=candidate(1))
    advance(client, backtest, "2013-03-01T00:00:00Z")
    client.post(f"{backtest}/rollouts", json=candidate(2, event_time=None))
    states = [advance(client, backtest, f"2013-04-0{day}T00:00:00Z")["rollout"]["state"] for day in (1, 2, 3)]
    assert states == ["mirroring", "canary", "promoted"]


def test_event_time_never_goes_back_and_telling_it_twice_changes_nothing(client, backtest):
    client.post(f"{backtest}/rollouts", json=candidate(1))
    one = advance(client, backtest, "2013-03-05T00:00:00Z")
    assert advance(client, backtest, "2013-03-01T00:00:00Z") == one
    assert advance(client, backtest, "2013-03-05T00:00:00Z") == one


def test_the_same_key_is_one_rollout_and_another_body_a_conflict(client, backtest):
    assert client.post(f"{backtest}/rollouts", json=candidate(1)).status_code == 201
    assert client.post(f"{backtest}/rollouts", json=candidate(1)).status_code == 200
    other = client.post(f"{backtest}/rollouts", json=candidate(1, run=9))
    assert other.status_code == 409
    assert len(client.get(f"{backtest}/rollouts").json()["items"]) == 1


BAD = {
    "an extra field": {"colour": "red"},
    "no graph": {"files": {}},
    "a digest that is none": {"files": {"model.onnx": "latest"}},
    "golden rows without a column": {"golden": {"inputs": {"distance": [1]}, "outputs": {"prediction": [1]}}},
    "golden rows of two lengths": {
        "golden": {"inputs": {"distance": [1]}, "outputs": {"prediction": [1, 2]}}
    },
    "no golden rows": {"golden": {"inputs": {}, "outputs": {}}},
    "a shrinking canary": {"plan": {"canary": [{"percent": 9, "seconds": 1}, {"percent": 5, "seconds": 1}]}},
    "more than everything": {"plan": {"canary": [{"percent": 101, "seconds": 1}]}},
    "a mirror of nothing": {"plan": {"mirror": {"percent": 0, "seconds": 1}}},
    "a time without zone": {"event_time": "2013-03-01T00:00:00"},
    "run -1": {"run": -1},
    "a strange datatype": {
        "signature": {"inputs": [{"name": "x", "datatype": "FP16", "column": "x", "kind": "number"}]}
    },
    "a path as loop": {"loop": "../x"},
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_candidate_is_422_and_nothing_is_stored(client, backtest, kind):
    answer = client.post(f"{backtest}/rollouts", json=candidate(1, **BAD[kind]))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(backtest).json()["revisions"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("put", "/v1/endpoints/a--r1", {"model": "m", "mode": "backtest"}, 422),
        ("put", "/v1/endpoints/UPPER", {"model": "m", "mode": "backtest"}, 422),
        ("put", "/v1/endpoints/a", {"model": "m", "mode": "backtest", "timezone": "Mars/Olympus"}, 422),
        ("put", "/v1/endpoints/a", {"model": "m", "mode": "backtest", "timezone": "../etc/passwd"}, 422),
        ("put", "/v1/endpoints/a", {"model": "m", "mode": "live"}, 409),
        ("put", "/v1/endpoints/flights", {"model": "other", "mode": "backtest"}, 409),
        ("get", "/v1/endpoints/none", None, 404),
        ("get", "/v1/endpoints?cursor=nonsense", None, 422),
        ("get", "/v1/endpoints/flights/rollouts/99", None, 404),
        ("get", "/v1/endpoints/flights/rollouts/99999999999", None, 422),
        ("post", "/v1/endpoints/flights:rollback", {"reason": "x", "key": "k"}, 409),
        ("post", "/v1/endpoints/flights:predict", {"rows": [{"a": 1}]}, 409),
        ("post", "/v1/endpoints/flights:predict", {"rows": []}, 422),
        ("post", "/v1/endpoints/flights:retain", {"versions": [0]}, 422),
        ("post", "/v1/endpoints/flights:advance", {"event_time": "tomorrow"}, 422),
        ("get", "/v1/gateway", None, 409),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(client, backtest, method, path, body, status):
    answer = client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_another_project_does_not_see_the_endpoint(client, backtest):
    assert client.get(backtest, params={"project": "team"}).status_code == 404
    assert client.get("/v1/endpoints", params={"project": "team"}).json()["items"] == []
    body = {"model": "m", "mode": "backtest"}
    assert client.put("/v1/endpoints/flights", json=body, params={"project": "team"}).status_code == 200


def test_revision_names_are_never_used_again(client, backtest):
    client.post(f"{backtest}/rollouts", json=candidate(1))
    client.get(f"{backtest}/rollouts/1", params={"wait": 5})
    assert client.delete(backtest).status_code == 204
    client.put(backtest, json={"model": "air-time", "mode": "backtest"})
    client.post(f"{backtest}/rollouts", json=candidate(1, key="again"))
    client.get(f"{backtest}/rollouts/2", params={"wait": 5})
    assert [item["name"] for item in client.get(backtest).json()["revisions"]] == [
        "flights--r1",
        "flights--r2",
    ]


def test_every_route_declares_a_permission_and_a_viewer_may_only_look(client, backtest):
    assert all(permission_of(route) for _, route in routes(client.app))
    viewer = {"authorization": "Bearer viewer-token"}
    assert client.get(backtest, headers=viewer).status_code == 200
    for action, body in (("advance", {}), ("rollback", {}), ("retain", {}), ("predict", {})):
        assert client.post(f"{backtest}:{action}", json=body, headers=viewer).status_code == 403
    assert client.post(f"{backtest}/rollouts", json={}, headers=viewer).status_code == 403
    assert client.get(backtest, headers={"authorization": ""}).status_code == 401


def test_the_python_client_speaks_every_route(serving):
    client = Client(Api(serving.url, "user-token"))
    name = serving.endpoint()
    serving.rollout(name, 2)
    found = client.endpoint(name)
    assert (found.stable_version, found.created_at is not None) == (2, True)
    assert name in [item.name for item in client.endpoints()]
    assert client.rollout(name, 1, wait=1).state == "promoted"
    assert [item.id for item in client.rollouts(name)] == [1]
    row = {"distance": 1, "origin": None, "departed": None}
    assert client.predict(name, [row], key="k").predictions == [2.0]
    assert client.gateway().accepted
    assert client.retain(name, [2]).stable == 1
    with pytest.raises(ApiError, match="No earlier revision"):
        client.rollback(name, EndpointRollback(key="k", reason="try"))
    moved = EndpointWrite(model="air-time", timezone="Europe/Berlin")
    assert client.put_endpoint(name, moved).timezone == "Europe/Berlin"
    client.delete_endpoint(name)
