"""From `kubectl apply` to a champion that answers, to a canary, and back again: one loop on a real cluster."""

import pytest
from tests.cluster.kube import condition

pytestmark = pytest.mark.timeout(900)
TEAM = "team-a"
LOOP = """
apiVersion: millrace.dev/v1alpha1
kind: ModelLoop
metadata: {name: tumours}
spec:
  task: binary
  target: target
  data: {dataset: tumours}
  training: {search: {trials: 4}, folds: 4}
  gates: {champion: {margin: 0.5, minimumDays: 2}}
"""
PUSH = """
import csv, json, random
from pathlib import Path
from millrace.client import Millrace
from millrace.delivery import push
client = Millrace.from_environment("team-a")
draw = random.Random(7)
rows = []
for _ in range(500):
    row = {"size": draw.gauss(14, 4), "texture": draw.gauss(19, 4), "kind": draw.choice(["a", "b", "c"])}
    score = (row["size"] - 14) / 4 + (row["kind"] == "a") - 0.3 + draw.gauss(0, 0.5)
    rows.append(row | {"target": int(score > 0)})
path = Path("/tmp/tumours.csv")
with path.open("w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
print(json.dumps(push(client, "tumours", path).accepted))
"""
ROWS = "[item.name for item in client.registry.datasets() if item.latest]"
"""Datasets with rows; a loop that was applied has one without."""
PREDICT = """
import json, sys
from millrace.client import Millrace
client = Millrace.from_environment("team-a")
rows = [{"size": 22.0, "texture": 19.0, "kind": "a"}, {"size": 8.0, "texture": None, "kind": "c"}]
print(client.serving.predict("tumours", rows).model_dump_json())
"""


def loop(kube, name="tumours"):
    return kube.one("modelloop", name, TEAM)


def test_kubectl_apply_leads_to_a_champion_that_answers(kube, release):
    kube.apply(LOOP, TEAM)
    kube.until(
        "the loop is taken up", 30, lambda: (loop(kube).get("status") or {}).get("phase"), release.namespace
    )
    assert release.python(PUSH) is True
    status = kube.until("a champion", 240, lambda: champion(kube), release.namespace)
    assert status["phase"] == "Serving"
    answer = release.python(PREDICT)
    high, low = answer["predictions"]
    assert high > 0.5 > low
    assert answer["version"] == 1


def champion(kube, name="tumours"):
    """The status once there is a champion and the resource says it is ready."""
    found = loop(kube, name)
    status, ready = found.get("status") or {}, condition(found, "Ready").get("status") == "True"
    return status if ready and (status.get("champion") or {}).get("version") else None


def feed(release, loop="tumours", team=TEAM):
    """The story's data set has rows, pushed through that loop where it has none; other loops may have fed theirs."""
    if "tumours" not in release.call(ROWS, team):
        push = PUSH.replace('"tumours", path', f'"{loop}", path').replace(f'"{TEAM}"', f'"{team}"')
        assert release.python(push) is True


def with_champion(kube, release):
    """The status of the story's loop once it has a champion; it is declared and fed where it is not."""
    kube.apply(LOOP, TEAM)
    kube.until("the loop is taken up", 30, lambda: (loop(kube).get("status") or {}).get("phase"))
    feed(release)
    return kube.until("a champion", 240, lambda: champion(kube), release.namespace)


def test_kubectl_shows_what_a_person_needs(kube, release):
    shown = kube.kubectl("get", "modelloops", "-n", TEAM)
    header, row = (line.split() for line in shown.splitlines()[:2])
    assert [name for name in header if name != "NAME"][:4] == ["READY", "PHASE", "CHAMPION", "CANDIDATE"]
    assert row[:4] == ["tumours", "True", "Serving", "1"]
    described = kube.kubectl("describe", "modelloop", "tumours", "-n", TEAM)
    assert "GatesPassed" in described


def test_an_unknown_field_is_refused_by_name(kube, release):
    said = kube.kubectl(
        "apply", "-n", TEAM, "-f", "-", stdin=LOOP.replace("folds: 4", "fold: 4"), check=False
    )
    assert "spec.training.fold" in said


def test_a_spec_owned_by_a_resource_is_not_changed_by_rest(kube, release):
    source = """
import json
from millrace.client import Millrace, ApiError
from millrace_contracts.loop import ModelLoop
client = Millrace.from_environment("team-a")
document = client.controller.loop("tumours").document
document["spec"]["training"]["folds"] = 3
try:
    client.controller.apply(ModelLoop.model_validate(document))
    print(json.dumps("applied"))
except ApiError as error:
    print(json.dumps([error.status, str(error)]))
"""
    status, words = release.python(source)
    assert status == 409
    assert "ModelLoop team-a/tumours" in words or "tumours" in words


def test_a_second_model_is_rolled_out_and_taken_back(kube, release):
    release.call("client.controller.retrain('tumours')", TEAM)
    kube.until(
        "the second champion",
        240,
        lambda: loop(kube)["status"]["champion"]["version"] == 2,
        release.namespace,
    )
    assert release.python(PREDICT)["version"] == 2
    release.call("client.controller.rollback('tumours')", TEAM)
    kube.until(
        "the first again", 30, lambda: loop(kube)["status"]["champion"]["version"] == 1, release.namespace
    )
    assert release.python(PREDICT)["version"] == 1
    story = release.call("list(client.registry.decisions(loop='tumours'))", TEAM)
    assert {"gate.verdict", "rollout.promoted", "rollback"} <= {item["kind"] for item in story}


def test_deleting_the_resource_returns_at_once_and_takes_the_pods_away(kube, release):
    kube.kubectl("delete", "modelloop", "tumours", "-n", TEAM, timeout=10)
    kube.until(
        "the endpoint's pods are gone",
        120,
        lambda: not kube.get("pods", release.namespace, TRITON),
        release.namespace,
    )


TRITON = "app.kubernetes.io/component=triton"
