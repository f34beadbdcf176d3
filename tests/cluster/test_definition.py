"""The resource definition, by kubectl and by Helm one after the other; and a status that stays small."""

import json
from pathlib import Path

import pytest
from tests.cluster import test_story as story
from tests.cluster.kube import CHARTS, condition

from millrace_contracts.notices import ADDRESS, DELIVERABLE

pytestmark = pytest.mark.timeout(900)
TEAM, LOOP, NAME = story.TEAM, "wide", "modelloops.millrace.dev"
FILE = str(CHARTS.parent / "k8s" / "crds.yaml")
CHART = str(CHARTS / "millrace-crds")
HELM = ("helm.sh/resource-policy-", "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-")
PUSH = f"""
import json
from pathlib import Path
from millrace.client import Millrace
from millrace.delivery import push
client, path = Millrace.from_environment("{TEAM}"), Path("/tmp/wide.csv")
names = ["target", *(f"a column with a long name {{number}}" for number in range(5000))]
path.write_text(",".join(names) + "\\n" + "\\n".join(",".join(["1"] * len(names)) for _ in range(5)) + "\\n")
print(json.dumps(push(client, "{LOOP}", path).accepted))
"""


@pytest.fixture
def by_kubectl(kube, release):
    """The definition as kubectl alone would have made it; afterwards Helm's again."""
    kube.helm("uninstall", "millrace-crds", "-n", "default")
    kube.kubectl("annotate", "crd", NAME, *HELM)
    kube.kubectl("label", "crd", NAME, "app.kubernetes.io/managed-by-")
    yield
    kube.helm(
        "upgrade",
        "--install",
        "millrace-crds",
        CHART,
        "-n",
        "default",
        "--take-ownership",
        "--force-conflicts",
    )


def test_kubectl_and_helm_take_the_definition_from_each_other_and_every_loop_stays(kube, by_kubectl):
    kube.apply(story.LOOP.replace("tumours", "stays"), TEAM)
    for _ in range(2):
        kube.kubectl("apply", "-f", FILE)
    with pytest.raises(AssertionError, match="invalid ownership metadata"):
        kube.helm("upgrade", "--install", "millrace-crds", CHART, "-n", "default")
    kube.helm("upgrade", "--install", "millrace-crds", CHART, "-n", "default", "--take-ownership")
    kube.kubectl("apply", "--server-side", "--force-conflicts", "-f", FILE)
    kube.helm("upgrade", "--install", "millrace-crds", CHART, "-n", "default", "--force-conflicts")
    assert kube.one("modelloop", "stays", TEAM) is not None
    kube.kubectl("delete", "modelloop", "stays", "-n", TEAM, timeout=10)


def test_a_loop_of_before_addresses_had_to_be_deliverable_can_be_changed_elsewhere(kube, by_kubectl):
    """Kubernetes lets what was stored stand where it is not changed: nobody has to mend an address to pause a loop."""
    text = Path(FILE).read_text()
    assert DELIVERABLE in text
    older = story.LOOP.replace("tumours", "older").rstrip() + (
        "\n  notify:\n    channels:\n    - {name: ops, email: {to: [ops@firm..example]}}\n"
    )
    with pytest.raises(AssertionError, match="notify"):
        kube.apply(older, TEAM)
    kube.apply(text.replace(DELIVERABLE, ADDRESS), "default")
    try:
        kube.apply(older, TEAM)
    finally:
        kube.kubectl("apply", "-f", FILE)
    paused = json.dumps({"spec": {"suspend": True}})
    kube.kubectl("patch", "modelloop", "older", "-n", TEAM, "--type", "merge", "-p", paused)
    stated = json.dumps({"status": {"phase": "Pending"}})
    kube.kubectl(
        "patch", "modelloop", "older", "-n", TEAM, "--subresource", "status", "--type", "merge", "-p", stated
    )
    kube.kubectl("delete", "modelloop", "older", "-n", TEAM, timeout=60)


def test_a_refused_delivery_of_5000_columns_leaves_a_small_status(kube, release):
    kube.apply(story.LOOP.replace("tumours", LOOP), TEAM)
    kube.until("the loop is taken up", 30, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    assert release.python(story.PUSH.replace("tumours", LOOP)) is True
    kube.until("a champion", 240, lambda: story.champion(kube, LOOP), release.namespace)
    assert release.python(PUSH) is False
    kube.until("it tells", 60, lambda: told(kube), release.namespace)
    assert len(json.dumps(story.loop(kube, LOOP), ensure_ascii=False).encode()) < 50_000
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, timeout=10)


def told(kube):
    """Whether the resource says that data lies in quarantine."""
    return condition(story.loop(kube, LOOP), "DataValid").get("reason") == "Quarantined"
