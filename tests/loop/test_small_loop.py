"""A table without event time goes through the whole loop: search, gates, serving, labels, rollback."""

import json
import time
import uuid

import httpx
import pytest
from pydantic import ValidationError
from tests.loop.conftest import document, predict

from millrace.client import ApiError
from millrace.delivery import push
from millrace.oip import HEADER_LENGTH, columns_from_rows, decode, encode
from millrace.transport.requests import Call
from millrace_contracts.labels import LabelWrite
from millrace_contracts.loop import ModelLoop

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]


def arrived(client, loop, kind, count, patience=10):
    """Decisions leave their services by an outbox, so they come a moment after the change."""
    deadline = time.monotonic() + patience
    while len(client.registry.decisions(loop=loop, kind=kind)) < count:
        assert time.monotonic() < deadline, f"fewer than {count} decisions of kind {kind}"
        time.sleep(0.1)


def test_the_second_model_is_champion_and_every_step_is_a_decision(client, loop):
    assert client.registry.alias(loop, "champion") == client.controller.loop(loop).champion >= 2
    arrived(client, loop, "gate.verdict", 2)
    arrived(client, loop, "rollout.promoted", 2)
    assert client.registry.verify_decisions().ok
    verdict = client.registry.decisions(loop=loop, kind="gate.verdict")[1]
    champion = next(gate for gate in verdict.evidence["gates"] if gate["name"] == "champion")
    assert champion["lower"] <= champion["difference"] <= champion["upper"]


def test_the_release_unit_names_its_data_and_its_raw_source(client, loop):
    found = client.registry.lineage(loop, 2)
    assert found.data[0].source.kind == "file"
    assert found.run.metrics["auc"] > 0.95


def test_the_champion_carries_what_estimates_it_before_labels_come(client, loop):
    champion = client.registry.version(loop, client.registry.alias(loop, "champion"))
    held = json.loads(client.registry.get_artifact(champion.files.digest("baseline")))["estimate"]
    assert held["task"] == "binary"
    assert held["errors"]["auc"]["blocks"] >= 5
    told = client.monitoring.estimates(loop)
    assert told.words
    assert told.why_not is not None or told.method == "confidence"


def test_people_predict_with_json_and_nulls(client, table, loop):
    row = table.drop(columns="target").iloc[0].to_dict()
    answer = client.serving.predict(loop, [row, dict.fromkeys(row)])
    assert answer.version == client.registry.alias(loop, "champion")
    assert all(0 <= value <= 1 for value in answer.predictions)


def test_the_binary_protocol_answers_the_same_as_json(client, table, loop):
    signature = client.registry.version(loop, 1).signature
    rows = table.drop(columns="target").head(3)
    body, headers = encode(columns_from_rows(rows, signature))
    answer = httpx.post(client.serving.endpoint(loop).url, content=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    outputs = decode(answer.content, int(answer.headers[HEADER_LENGTH]))
    assert list(outputs["probability"]) == pytest.approx(predict(client, table).predictions, rel=1e-6)


@pytest.mark.parametrize("rows", [[{"nonsense": 1}], [{"mean_radius": "far"}]])
def test_rows_that_do_not_fit_are_refused_with_a_reason(client, loop, rows):
    with pytest.raises(ApiError) as refusal:
        client.serving.predict(loop, rows)
    assert 400 <= refusal.value.status < 500
    assert refusal.value.problem["detail"]


def test_a_request_without_rows_is_refused_before_it_is_sent(client, loop):
    with pytest.raises(ValidationError, match="rows"):
        client.serving.predict(loop, [])


def test_predictions_are_logged_and_labels_join_them_once(client, table, loop):
    answer = predict(client, table, rows=5)
    labels = [
        LabelWrite(
            request_id=answer.request_id,
            index=index,
            value=int(table["target"].iloc[index]),
            at="2030-01-01T00:00:00Z",
        )
        for index in range(5)
    ]
    deadline = time.monotonic() + 20
    while client.monitoring.monitor(loop).counts.logged < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert client.monitoring.push_labels(loop, labels).new == 5
    assert client.monitoring.push_labels(loop, labels).unchanged == 5


def test_the_same_trigger_twice_is_one_run(client, loop):
    before = client.controller.loop(loop).run.number
    key = uuid.uuid4().hex
    first = client.controller.retrain(loop, key=key)
    again = client.controller.retrain(loop, key=key)
    assert first.number == again.number == before + 1
    client.controller.await_run(loop, first.number, timeout=170)


def test_applying_the_same_document_again_changes_nothing(client, loop):
    before = client.controller.loop(loop)
    assert client.controller.apply(ModelLoop.model_validate(document())).generation == before.generation


def test_a_rollback_by_hand_answers_bit_for_bit_as_before(client, table, loop):
    champion = client.controller.loop(loop).champion
    newest = predict(client, table)
    older = client.controller.loop(loop).archive[-1]
    client.controller.rollback(loop, to=older)
    back = predict(client, table)
    assert back.version == older
    client.controller.rollback(loop, to=champion)
    assert predict(client, table).predictions == newest.predictions
    assert client.registry.alias(loop, "champion") == champion
    arrived(client, loop, "rollback", 2)


def test_a_rollback_to_a_version_that_never_served_is_refused(client, loop):
    with pytest.raises(ApiError) as refusal:
        client.controller.rollback(loop, to=99)
    assert refusal.value.status == 409


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty", b""),
        ("header-only", b"a,b,target\n"),
        ("encoding", b"a,b,target\n\xff\xfe\x00,1,0\n"),
        ("duplicate-columns", b"a,a,target\n1,2,0\n3,4,1\n"),
        ("five-rows", b"a,b,target\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n9,1,0\n"),
        ("one-class", b"a,b,target\n" + b"".join(b"%d,%d,1\n" % (n, n * n % 7) for n in range(80))),
        ("nan-target", b"a,b,target\n" + b"".join(b"%d,%d,\n" % (n, n * n % 7) for n in range(80))),
    ],
)
def test_bad_files_end_in_a_readable_refusal_and_never_in_a_model(client, loop, tmp_path, name, content):
    bad = f"bad-{name}"
    client.controller.apply(ModelLoop.model_validate(document(bad)))
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    result = push(client, bad, path)
    if result.accepted:
        run = client.controller.await_run(bad, 1, timeout=100)
        assert run.state in ("refused", "failed"), run
        assert run.message
    else:
        failed = result.report.failed
        assert failed[0].observed
        assert failed[0].mend
        assert client.registry.quarantined(bad)
    assert client.registry.model(bad).latest == 0
    client.controller.delete(bad)


def test_a_document_with_mistakes_is_refused_with_their_places(client, loop):
    wrong = document()
    wrong["spec"]["data"]["labelDelay"] = "soon"
    wrong["spec"]["on"] = True
    with pytest.raises(ApiError) as refusal:
        client.controller.api.send(Call("PUT", f"/v1/loops/{loop}", json=wrong))
    assert refusal.value.status == 422
    places = json.dumps(refusal.value.problem["errors"])
    assert "labelDelay" in places
    assert "on" in places
