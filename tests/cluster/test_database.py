"""Rows come from a team's PostgreSQL by a Secret's name, and answers go back there; the password is told nowhere."""

import json

import pytest
from tests.cluster import shop as shops
from tests.cluster.kube import condition
from tests.cluster.shop import PASSWORD, Shop, secret
from tests.cluster.test_story import champion

pytestmark = pytest.mark.timeout(900)
TEAM, LOOP = "team-a", "sales"
SECRET = f"source.{TEAM}.shop"
DOCUMENT = f"""
apiVersion: millrace.dev/v1alpha1
kind: ModelLoop
metadata: {{name: {LOOP}}}
spec:
  task: binary
  target: target
  data:
    dataset: {LOOP}
    exclude: [id]
    source:
      sql:
        uri: {shops.URI}
        password: {{secretRef: {{name: shop, key: password}}}}
        table: sales
        cursor: id
      every: 10s
  predict:
    batch:
      source:
        sql:
          uri: {shops.URI}
          password: {{secretRef: {{name: shop, key: password}}}}
          query: SELECT id, size, texture, kind FROM sales
          cursor: id
      sink:
        sql:
          uri: {shops.URI}
          password: {{secretRef: {{name: shop, key: password}}}}
          table: answers
      schedule: 1m
      keep: [id]
  training: {{search: {{trials: 2}}, folds: 3}}
  gates: {{champion: {{margin: 0.5, minimumDays: 2}}}}
  triggers: {{newData: {{rows: 100}}}}
"""
ASK = f"""
import json
from millrace.client import Millrace
rows = [{{"size": 19.0, "texture": 19.0, "kind": "c"}}, {{"size": 9.0, "texture": None, "kind": "a"}}]
print(Millrace.from_environment("{TEAM}").serving.predict("{LOOP}", rows).model_dump_json())
"""
SCORE = """
from pathlib import Path
from millrace import scoring
from millrace.client import Millrace
from millrace_contracts.sinks import Sink
path = Path("/tmp/june.csv")
path.write_text("size,texture,kind,customer\\n" + "\\n".join(ROWS) + "\\n")
client = Millrace.from_environment(TEAM)
sink = Sink.model_validate({"sql": {"table": "scored", "connection": {"secretRef": {"name": "shop", "key": "uri"}}}})
print(scoring.score(client, LOOP, scoring.spec_of(client, LOOP, [path], sink=sink)).model_dump_json())
"""


@pytest.fixture(scope="module")
def shop(kube, release):
    """The shop's database with 600 sales, which the release's jobs may reach."""
    made = Shop(kube, release.tag)
    made.install()
    made.ask(shops.TABLE)
    made.ask(shops.ROWS.format(1, 600))
    yield made
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)
    kube.kubectl("delete", "secret", SECRET, "-n", release.namespace, "--ignore-not-found")
    made.remove()


def ready(kube, *words):
    """The condition of the source once its message has all these words."""
    told = condition(kube.one("modelloop", LOOP, TEAM), "SourceReady")
    return told if all(word in told.get("message", "") for word in words) else None


def fetched(release):
    """How many rows the source has brought so far."""
    return release.call(f"client.controller.source({LOOP!r})", TEAM)["new_rows"]


def give(kube, release, **keys):
    """Make the Secret hold these keys and no others."""
    kube.kubectl("delete", "secret", SECRET, "-n", release.namespace, "--ignore-not-found")
    kube.apply(secret(SECRET, **keys), release.namespace)


def test_a_secret_that_is_missing_is_told_with_the_remedy_and_then_taken_up(kube, release, shop):
    kube.apply(DOCUMENT, TEAM)
    told = kube.until(
        "it tells", 120, lambda: ready(kube, f'secret "{SECRET}" not found', f"Make the Secret {SECRET}"),
        release.namespace,
    )  # fmt: skip
    assert (told["status"], told["reason"]) == ("False", "CreateContainerConfigError")
    assert f"with the key password in the namespace {release.namespace}" in told["message"]
    give(kube, release, user="shop")
    kube.until(
        "it tells",
        180,
        lambda: ready(kube, f"Add the key password to the Secret {SECRET}"),
        release.namespace,
    )
    give(kube, release, password="not-" + PASSWORD)
    kube.until("it tells", 120, lambda: ready(kube, "authentication failed"), release.namespace)
    give(kube, release, password=PASSWORD, uri=shops.WHOLE)
    kube.until("it is read", 150, lambda: fetched(release) == 600, release.namespace)
    kube.until("it tells", 30, lambda: ready(kube).get("status") == "True", release.namespace)
    events = kube.get("events", TEAM)
    assert "CreateContainerConfigError" in {item["reason"] for item in events if item["type"] == "Warning"}


def test_its_rows_lead_to_a_champion_that_answers_and_new_rows_to_the_next(kube, release, shop):
    kube.until("a champion", 240, lambda: champion(kube, LOOP), release.namespace)
    answer = release.python(ASK)
    assert answer["predictions"][0] > 0.5 > answer["predictions"][1]
    shop.ask(shops.ROWS.format(601, 750))
    kube.until("the new rows", 90, lambda: fetched(release) == 750, release.namespace)
    assert release.call(f"client.registry.dataset_version({LOOP!r})", TEAM)["rows"] == 750
    ended = release.call(f"client.controller.await_run({LOOP!r}, 2, timeout=240)", TEAM)
    assert "150 new rows" in ended["cause"]["reason"]
    assert ended["state"] in ("promoted", "rejected"), ended


def test_its_champion_scores_by_the_clock_and_writes_each_row_back_once(kube, release, shop):
    def answered():
        return shop.ask("SELECT count(*), count(DISTINCT id) FROM answers") if written() else ""

    def written():
        return shop.ask("SELECT to_regclass('answers')") == "answers"

    kube.until("the answers", 300, lambda: answered() == "750|750", release.namespace)
    shop.ask(shops.ROWS.format(751, 800))
    kube.until("the answers to new rows", 300, lambda: answered() == "800|800", release.namespace)
    assert shop.ask("SELECT bool_and(prediction BETWEEN 0 AND 1), min(version) >= 1 FROM answers") == "t|t"
    told = condition(kube.one("modelloop", LOOP, TEAM), "Scored")
    assert told["status"] == "True", told
    assert {item["cause"] for item in release.call(f"client.controller.scores({LOOP!r})", TEAM)} == {
        "schedule"
    }


def test_answers_are_written_into_a_table_of_it_and_never_twice(release, shop):
    rows = [f"{8 + row % 12},{15 + row % 7},{'abc'[row % 3]},{row}" for row in range(200)]
    given = f"ROWS, LOOP, TEAM = {rows!r}, {LOOP!r}, {TEAM!r}\n{SCORE}"
    for repeated in (0, 200):
        result = release.python(given)
        written = (result["answered"], result["written"], result["repeated"])
        assert written == (200, ["scored"], 0), repeated
    count, least, most = shop.ask("SELECT count(*), min(prediction), max(prediction) FROM scored").split("|")
    assert int(count) == 200
    assert 0 <= float(least) < 0.5 < float(most) <= 1
    assert shop.ask("SELECT count(DISTINCT customer) FROM scored") == "200"


def test_the_password_is_told_nowhere(kube, release, shop):
    texts = {
        f"objects of {space}": kube.kubectl(
            "get", "modelloops,pods,jobs,configmaps,events", "-n", space, "-o", "yaml"
        )
        for space in (release.namespace, TEAM)
    }
    texts |= {
        asked: json.dumps(release.call(f"client.{asked}", TEAM))
        for asked in (
            f"registry.decisions(loop={LOOP!r})",
            f"training.jobs(loop={LOOP!r})",
            f"controller.runs({LOOP!r})",
            f"controller.source({LOOP!r})",
            f"controller.scores({LOOP!r})",
            f"controller.loop({LOOP!r})",
        )
    }
    for pod in kube.get("pods", release.namespace):
        name = pod["metadata"]["name"]
        texts[name] = kube.kubectl("logs", name, "-n", release.namespace, "--all-containers", check=False)
    assert not [name for name, text in texts.items() if PASSWORD in text]
    assert any("authentication failed" in text for text in texts.values())


def test_no_service_account_of_the_release_may_read_secrets(kube, release):
    for account in kube.get("serviceaccounts", release.namespace):
        name = f"system:serviceaccount:{release.namespace}:{account['metadata']['name']}"
        if not name.endswith(("-secrets", ":default")):
            said = kube.kubectl(
                "auth", "can-i", "get", "secrets", "-n", release.namespace, "--as", name, check=False
            )
            assert said.strip() == "no", name
