"""kubectl, and a namespace of one's own with the ModelLoop definition installed."""

import json
import os
import shutil
import subprocess
import uuid
from contextlib import contextmanager

import pytest
from kubernetes import client, config

from millrace import crd

needs_cluster = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not os.environ.get("KUBECONFIG") or shutil.which("kubectl") is None, reason="no KUBECONFIG or kubectl"
    ),
]


def kubectl(*arguments, document=None, expect=None):
    """(exit code, what was said)."""
    done = subprocess.run(
        ["kubectl", *arguments], input=None if document is None else json.dumps(document), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert expect is None or done.returncode == expect, said
    return done.returncode, said


def verdict(api, document, namespace):
    """(whether the API server would take it, its words): `kubectl create --dry-run=server` in a tenth of its time."""
    try:
        api.create_namespaced_custom_object(
            crd.GROUP, crd.VERSION, namespace, crd.PLURAL, document, dry_run="All", field_validation="Strict"
        )
        return True, ""
    except client.ApiException as refused:
        return False, json.loads(refused.body)["message"]


def server():
    """The API server of KUBECONFIG, for what is asked hundreds of times."""
    return client.CustomObjectsApi(config.new_client_from_config())


def installed():
    """Whether the API server has the very schema that the SDK makes."""
    code, said = kubectl("get", "crd", f"{crd.PLURAL}.{crd.GROUP}", "-o", "json")
    wanted = crd.definition()["spec"]["versions"][0]["schema"]
    return code == 0 and json.loads(said)["spec"]["versions"][0]["schema"] == wanted


@contextmanager
def prepared(file):
    """A namespace; the definition is written to *file* and applied unless it is there, by Helm for example."""
    file.write_text(crd.text(), encoding="utf-8")
    if not installed():
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file), expect=0)
    kubectl("wait", "--for=condition=Established", f"crd/{crd.PLURAL}.{crd.GROUP}", "--timeout=30s", expect=0)
    name = f"contract-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name, expect=0)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def least(name, namespace):
    """The least that a ModelLoop can say."""
    return {
        "apiVersion": f"{crd.GROUP}/{crd.VERSION}", "kind": crd.KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"task": "regression", "target": "y", "data": {"dataset": "sales"}},
    }  # fmt: skip
