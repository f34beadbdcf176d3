"""A real API server gives every document of the corpus the verdict that the SDK gives it, in words people understand.

Needs KUBECONFIG of a cluster in which resource definitions may be made; run with `-m cluster`.
"""

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from millrace import crd
from millrace.loop import Spec

from .corpus import cases

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not os.environ.get("KUBECONFIG") or shutil.which("kubectl") is None, reason="no KUBECONFIG or kubectl"
    ),
]
CASES = cases()


def kubectl(*arguments, document=None, expect=None):
    """(exit code, what was said)."""
    done = subprocess.run(
        ["kubectl", *arguments], input=None if document is None else json.dumps(document), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert expect is None or done.returncode == expect, said
    return done.returncode, said


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    """A namespace of its own, with the definition installed."""
    file = tmp_path_factory.mktemp("crd") / "crd.yaml"
    file.write_text(crd.text(), encoding="utf-8")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file), expect=0)
    kubectl("wait", "--for=condition=Established", f"crd/{crd.PLURAL}.{crd.GROUP}", "--timeout=30s", expect=0)
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name, expect=0)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_the_api_server_gives_the_verdict(namespace, name, case):
    document = json.loads(json.dumps(case["document"]))
    document["metadata"]["namespace"] = namespace
    code, said = kubectl("create", "--dry-run=server", "-f", "-", document=document)
    assert (code == 0) == case["accepted"], said
    assert code == 0 or (case.get("says") or "") in said, said


def test_what_is_left_out_is_filled_in_as_the_sdk_does(namespace):
    least = {"task": "regression", "target": "y", "data": {"dataset": "sales"}}
    document = {
        "apiVersion": f"{crd.GROUP}/{crd.VERSION}", "kind": crd.KIND,
        "metadata": {"name": "least", "namespace": namespace}, "spec": least,
    }  # fmt: skip
    _, said = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", document=document, expect=0)
    stored = json.loads(said)["spec"]
    assert Spec.model_validate(stored) == Spec.model_validate(least)


@pytest.mark.parametrize("file", sorted(Path("k8s/examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_examples_are_accepted(namespace, file):
    kubectl("create", "--dry-run=server", "-n", namespace, "-f", str(file), expect=0)


def test_kubectl_shows_where_a_loop_stands(namespace):
    document = {
        "apiVersion": f"{crd.GROUP}/{crd.VERSION}", "kind": crd.KIND,
        "metadata": {"name": "shown", "namespace": namespace},
        "spec": {"task": "regression", "target": "y", "data": {"dataset": "sales"}},
    }  # fmt: skip
    kubectl("create", "-f", "-", document=document, expect=0)
    status = {
        "phase": "Canary",
        "champion": {"version": 3, "weight": 94.5},
        "candidate": {"version": 4, "weight": 5.5},
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Serving"},
            {"type": "Progressing", "status": "True", "reason": "CanaryStep"},
        ],
    }
    patch = json.dumps({"status": status})
    kubectl(
        "patch", "ml/shown", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch, expect=0
    )
    _, said = kubectl("get", "ml", "shown", "-n", namespace, expect=0)
    heads, row = (line.split() for line in said.strip().splitlines())
    assert heads == ["NAME", "READY", "PHASE", "CHAMPION", "CANDIDATE", "CANARY%", "REASON", "AGE"]
    assert row[:7] == ["shown", "True", "Canary", "3", "4", "5.5", "CanaryStep"]
    assert "modelloop.millrace.dev/shown" in kubectl("get", "millrace", "-n", namespace, "-o", "name")[1]
