"""Three species, declared with kubectl as the example does: a champion that names its class, labels, the way back."""

import json
from pathlib import Path

import pytest
import yaml
from tests.cluster.test_story import champion

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[2]
TEAM = "team-a"
PENGUINS = (ROOT / "tests" / "loop" / "penguins.csv").read_text()
PUSH = f"""
import json
from pathlib import Path
from millrace.client import Millrace
from millrace.delivery import push
path = Path("/tmp/penguins.csv")
path.write_text({PENGUINS!r})
print(json.dumps(push(Millrace.from_environment({TEAM!r}), "penguins", path).accepted))
"""
ASK = f"""
import json
from millrace.client import Millrace
client = Millrace.from_environment({TEAM!r})
rows = [
    {{"island": "Torgersen", "bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181.0,
      "body_mass_g": 3750.0, "sex": "male", "year": 2007}},
    {{"island": "Biscoe", "bill_length_mm": 47.6, "bill_depth_mm": 14.5, "flipper_length_mm": 215.0,
      "body_mass_g": 5400.0, "sex": None, "year": 2007}},
]
print(client.serving.predict("penguins", rows).model_dump_json())
"""


def declared():
    """The example with fewer trials; its first delivery is pushed by the test."""
    document = yaml.safe_load((ROOT / "k8s" / "examples" / "penguins.yaml").read_text())
    spec = document["spec"]
    del spec["data"]["source"]
    spec["training"] = {"search": {"trials": 2}, "folds": 3}
    return yaml.safe_dump(document)


def labels(request):
    """Pushes a class, and one that the contract's `allowed` has not; says what became of them."""
    return f"""
from datetime import UTC, datetime
from millrace.client import Millrace
from millrace_contracts.labels import LabelWrite
client, now = Millrace.from_environment({TEAM!r}), datetime.now(UTC)
truths = [
    LabelWrite(request_id={request!r}, index=place, value=value, at=now)
    for place, value in enumerate(["Adelie", "Dodo"])
]
print(client.monitoring.push_labels("penguins", truths).model_dump_json())
"""


def test_three_species_from_kubectl_to_a_champion_labels_and_back(kube, release):
    kube.apply(declared(), TEAM)
    kube.until(
        "the loop is taken up",
        30,
        lambda: (kube.one("modelloop", "penguins", TEAM).get("status") or {}).get("phase"),
        release.namespace,
    )
    assert release.python(PUSH) is True
    kube.until("a champion", 240, lambda: champion(kube, "penguins"), release.namespace)
    first = release.python(ASK)
    assert first["classes"] == ["Adelie", "Gentoo"]
    assert all(sorted(shares) == ["Adelie", "Chinstrap", "Gentoo"] for shares in first["probabilities"])
    told = release.python(labels(first["request_id"]))
    assert (told["new"], told["refused"], told["unknown"]) == (1, 1, 0), json.dumps(told)
    assert told["refusals"][0]["reason"].startswith("is none of the classes Adelie, Chinstrap, Gentoo")
    release.call("client.controller.retrain('penguins')", TEAM)
    kube.until("the second run has ended", 240, lambda: ended(release, 2), release.namespace)
    if champion(kube, "penguins")["champion"]["version"] == 2:
        release.call("client.controller.rollback('penguins')", TEAM)
    assert release.python(ASK)["probabilities"] == first["probabilities"]
    kube.kubectl("delete", "modelloop", "penguins", "-n", TEAM, timeout=10)


def ended(release, number):
    """Whether a run of the loop has ended."""
    runs = release.call("list(client.controller.runs('penguins'))", TEAM)
    return any(run["number"] == number and run["ended_at"] for run in runs)
