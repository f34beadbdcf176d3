"""The README leads from nothing to predictions on Kubernetes by lines that exist; tests/cluster runs them for real."""

import json

import pytest
from tests.chart import commands, howtos
from tests.chart.howtos import Mistake, calls, documents
from tests.chart.readme import ROOT, steps
from tests.chart.rendering import render

from millrace_contracts.predictions import PredictionAnswer


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Every call of the block, by bash, with stand-ins for what needs a cluster."""
    monkeypatch.setattr(howtos, "STOOD_IN", (*howtos.STOOD_IN, "make", "pip"))
    for name in howtos.BESIDE:
        (tmp_path / name).symlink_to(ROOT / name)
    found = calls(f"```\n{steps()}```\n", tmp_path)
    return [call for call in found if call[0] not in ("make", "pip")], tmp_path


def test_each_line_is_one_that_its_tool_takes(made):
    found, folder = made
    for call in found:
        if "apply" in call and "-" in call:
            continue  # what export prints is held to the definition by tests/sdk
        commands.check(call, folder)
    assert sum(call[0] == "millrace" for call in found) == 6
    with pytest.raises(Mistake):
        commands.check(["millrace", "log-in", "--kube"], folder)


def test_it_ends_with_predictions_from_here_and_from_a_pod(made):
    found, _ = made
    verbs = [" ".join(call[:2]) for call in found]
    order = [
        "helm install",
        "millrace login",
        "millrace export",
        "millrace data",
        "millrace predict",
        "kubectl exec",
    ]
    assert [verb for verb in dict.fromkeys(verbs) if verb in order] == order
    assert json.loads(found[verbs.index("millrace predict")][-1])["island"] == "Biscoe"
    assert "classes" in PredictionAnswer.model_fields


def test_the_pod_knows_the_release_that_the_block_installs():
    (pod,) = documents(ROOT / "k8s" / "client.yaml")
    names = {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in render()}
    container = pod["spec"]["containers"][0]
    urls = {item["name"]: item.get("value", "") for item in container["env"] if item["name"].endswith("_URL")}
    assert len(urls) == 5
    for url in urls.values():
        name, namespace = url.removeprefix("http://").removesuffix(":8080").split(".")
        assert ("Service", namespace, name) in names
    team = documents(ROOT / "k8s" / "rbac" / "team.yaml")
    accounts = [item["metadata"]["name"] for item in team if item["kind"] == "ServiceAccount"]
    assert accounts == [pod["spec"]["serviceAccountName"]]
