"""An endpoint whose loop asks people is changed by the controller alone; admins are refused in words."""

import pytest
from fastapi.testclient import TestClient

from millrace_serving import guard
from millrace_serving.main import build
from millrace_serving.settings import ServingSettings

from .conftest import write_tokens
from .test_api import USER, candidate, nobody_watches, nothing

PATH = "/v1/endpoints/flights"
CONTROLLER = {"authorization": "Bearer controller-token"}
BODY = {"model": "air-time", "mode": "backtest"}


@pytest.fixture
def client(tmp_path):
    write_tokens(tmp_path)
    app = build(ServingSettings(home=tmp_path, data_plane=False, safety_seconds=60))
    with TestClient(app, base_url="http://localhost", headers=USER, raise_server_exceptions=False) as client:
        app.state.services.clients.monitoring.arms = nobody_watches
        app.state.services.clients.registry.record_as_written = nothing
        assert client.put(PATH, json=BODY | {"guarded": True}, headers=CONTROLLER).status_code == 200
        yield client


def begin(client, version, headers=CONTROLLER, **more):
    return client.post(f"{PATH}/rollouts", json=candidate(version, plan={}, **more), headers=headers)


WAYS = {
    "a rollout": lambda client: begin(client, 2, USER),
    "a route": lambda client: client.post(
        f"{PATH}:rollback", json={"version": 1, "reason": "by hand", "key": "k"}
    ),
    "away with it": lambda client: client.delete(PATH),
    "the guard": lambda client: client.put(PATH, json=BODY | {"guarded": False}),
}


@pytest.mark.parametrize("what", WAYS)
def test_nobody_but_the_controller_changes_what_answers(client, what):
    assert begin(client, 1).status_code == 201
    refused = WAYS[what](client)
    assert refused.status_code == 403, refused.text
    assert "gates.approval" in refused.json()["detail"]
    assert client.get(PATH).json()["rollout"]["version"] == 1


@pytest.mark.parametrize("what", WAYS)
def test_and_without_the_guard_each_of_them_does(client, what, monkeypatch):
    if what != "a rollout":  # one that is open refuses the next by itself
        assert begin(client, 1).status_code == 201
    monkeypatch.setattr(guard, "check", lambda *_: None)
    monkeypatch.setattr(guard, "may_say", lambda *_: None)
    answer = WAYS[what](client)
    assert answer.status_code < 300, answer.text


def test_who_changes_the_time_zone_leaves_the_guard(client):
    assert client.put(PATH, json=BODY | {"timezone": "Europe/Berlin"}).status_code == 200
    assert begin(client, 1, USER).status_code == 403


def test_an_endpoint_that_the_controller_took_away_stays_guarded(client):
    assert client.delete(PATH, headers=CONTROLLER).status_code == 204
    assert client.put(PATH, json=BODY).status_code == 200
    assert begin(client, 1, USER).status_code == 403
    assert client.put(PATH, json=BODY | {"guarded": False}, headers=CONTROLLER).status_code == 200
    assert begin(client, 1, USER).status_code == 201


def test_nothing_begins_where_another_version_answers_than_was_approved_over(client):
    refused = begin(client, 1, expected_stable=3)
    assert refused.status_code == 409
    assert "no version answers, not version 3" in refused.json()["detail"]
    assert begin(client, 1, expected_stable=0).status_code == 201


def test_the_same_rollout_again_is_the_same_whatever_answers_by_then(client):
    first = begin(client, 1, expected_stable=0)
    again = begin(client, 1, expected_stable=0)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
