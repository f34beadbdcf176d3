"""A real API server gives every document of the corpus the verdict that the SDK gives it, in words people understand.

Needs KUBECONFIG of a cluster in which resource definitions may be made; run with `-m cluster`.
"""

import json
from pathlib import Path

import pytest

from millrace_contracts.loop import Spec

from .corpus import cases
from .kubectl import kubectl, least, needs_cluster, prepared, server, verdict

pytestmark = needs_cluster
CASES = cases()


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    with prepared(tmp_path_factory.mktemp("crd") / "crd.yaml") as name:
        yield name


@pytest.fixture(scope="module")
def api():
    return server()


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_the_api_server_gives_the_verdict(api, namespace, name, case):
    document = json.loads(json.dumps(case["document"]))
    document["metadata"]["namespace"] = namespace
    accepted, said = verdict(api, document, namespace)
    assert accepted == case["accepted"], said
    assert accepted or (case.get("says") or "") in said, said


def test_what_is_left_out_is_filled_in_as_the_sdk_does(namespace):
    document = least("least", namespace)
    _, said = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", document=document, expect=0)
    assert Spec.model_validate(json.loads(said)["spec"]) == Spec.model_validate(document["spec"])


@pytest.mark.parametrize(
    "file",
    sorted((Path(__file__).parents[2] / "k8s" / "examples").glob("*.yaml")),
    ids=lambda file: file.stem,
)
def test_the_examples_are_accepted(namespace, file):
    kubectl("create", "--dry-run=server", "-n", namespace, "-f", str(file), expect=0)


def patched_and_shown(patch, namespace, tries=20):
    """What `kubectl get` shows after a patch; an operator that runs here may write its own status in between."""
    told = ("patch", "ml/shown", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
    for _ in range(tries):
        kubectl(*told, expect=0)
        _, said = kubectl("get", "ml", "shown", "-n", namespace, expect=0)
        if "Canary " in said:
            break
    return said


def test_kubectl_shows_where_a_loop_stands(namespace):
    kubectl("create", "-f", "-", document=least("shown", namespace), expect=0)
    status = {
        "phase": "Canary",
        "champion": {"version": 3, "weight": 94.5},
        "candidate": {"version": 4, "weight": 5.5},
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Serving"},
            {"type": "Progressing", "status": "True", "reason": "CanaryStep"},
        ],
    }
    said = patched_and_shown(json.dumps({"status": status}), namespace)
    heads, row = (line.split() for line in said.strip().splitlines())
    assert heads == ["NAME", "READY", "PHASE", "CHAMPION", "CANDIDATE", "CANARY%", "REASON", "DATA", "AGE"]
    assert row[:7] == ["shown", "True", "Canary", "3", "4", "5.5", "CanaryStep"]
    assert "modelloop.millrace.dev/shown" in kubectl("get", "millrace", "-n", namespace, "-o", "name")[1]
