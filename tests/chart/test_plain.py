"""The plain manifests in k8s/: the base is the chart as it is now, and everything there is valid."""

import json
import subprocess

import kubernetes_validate
import pytest
import yaml
from k8s.render import TARGET, rendered
from tests.chart import foreign, invariants
from tests.chart.rendering import ROOT, one, render
from tests.chart.tools import helm, kubectl

from millrace_serving.settings import ServingSettings
from millrace_training.settings import TrainingSettings

K8S = ROOT / "k8s"
EXAMPLES = (
    "client.yaml",
    "rbac/team.yaml",
    "quota/workloads.yaml",
    "kubeflow/account.yaml",
    "kubeflow/controller.yaml",
)


def built(folder):
    """What `kubectl apply -k` would send."""
    done = subprocess.run([kubectl(), "kustomize", K8S / folder], capture_output=True, text=True, check=True)
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def test_the_base_is_what_the_chart_renders():
    assert TARGET.read_text() == rendered(helm()), "k8s/base is old: run make k8s-render"


def test_the_base_has_what_the_chart_has_but_its_test():
    ours = {(found["kind"], found["metadata"]["name"]) for found in built("base")}
    chart = {(found["kind"], found["metadata"]["name"]) for found in render("--no-hooks")}
    assert ours == chart | {("Namespace", "millrace")}


@pytest.mark.parametrize("folder", ["base", "overlays/gpu"])
def test_a_kustomization_keeps_every_rule(folder):
    objects = [found for found in built(folder) if found["kind"] != "Namespace"]
    assert {rule.__name__: list(rule(objects)) for rule in invariants.ALL if list(rule(objects))} == {}
    for found in objects:
        kubernetes_validate.validate(found, "1.34", strict=True)


@pytest.mark.parametrize(
    ("service", "settings"), [("serving", ServingSettings), ("training", TrainingSettings)]
)
def test_the_gpu_overlay_says_what_the_service_reads(service, settings, monkeypatch):
    deployment = one(built("overlays/gpu"), "Deployment", f"millrace-{service}")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    given = {item["name"]: item.get("value", "sample") for item in container["env"]}
    known = {f"MILLRACE_{name.upper()}" for name in settings.model_fields}
    assert set(given) - known == {"HOME", "MILLRACE_DATABASE_PASSWORD"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert settings().tolerations[0]["key"] == "nvidia.com/gpu"
    assert settings().runtime_class == "nvidia"
    assert json.loads(given["MILLRACE_TOLERATIONS"])


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_valid(example):
    for found in yaml.safe_load_all((K8S / example).read_text()):
        kubernetes_validate.validate(found, "1.34", strict=True)


def test_the_queue_is_the_one_that_jobs_are_given():
    objects = list(yaml.safe_load_all((K8S / "kueue" / "queues.yaml").read_text()))
    assert [foreign.problems(found) for found in objects] == [[]] * 3, "as Kueue's own definitions have it"
    kinds = {found["kind"]: found for found in objects}
    assert kinds["LocalQueue"]["spec"]["clusterQueue"] == kinds["ClusterQueue"]["metadata"]["name"]
    flavors = kinds["ClusterQueue"]["spec"]["resourceGroups"][0]["flavors"]
    assert flavors[0]["name"] == kinds["ResourceFlavor"]["metadata"]["name"]


def test_the_adapter_offers_the_metric_that_the_autoscaler_asks_for():
    from millrace_serving.cluster import scaling

    values = yaml.safe_load((K8S / "monitoring" / "prometheus-adapter-values.yaml").read_text())
    name = values["rules"]["custom"][0]["name"]["as"]
    assert name == scaling.QUEUE_METRIC


def test_teams_get_loops_by_the_roles_kubernetes_has():
    objects = render(chart=ROOT / "charts" / "millrace-crds")
    for found in objects:
        if found["kind"] == "ClusterRole":
            kubernetes_validate.validate(found, "1.34", strict=True)
    edit = one(objects, "ClusterRole", "millrace-modelloops-edit")
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert edit["rules"][0]["resources"] == ["modelloops"]


def test_who_asks_for_less_approval_in_a_loop_is_one_who_may_approve():
    objects = render(chart=ROOT / "charts" / "millrace-crds")
    policy = one(objects, "ValidatingAdmissionPolicy", "millrace-approvals")
    binding = one(objects, "ValidatingAdmissionPolicyBinding", "millrace-approvals")
    for found in (policy, binding):
        kubernetes_validate.validate(found, "1.34", strict=True)
    assert binding["spec"]["policyName"] == "millrace-approvals"
    assert policy["spec"]["failurePolicy"] == "Fail"
    (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert (rule["operations"], rule["resources"]) == (["UPDATE"], ["modelloops"])
    asked = policy["spec"]["validations"][0]["expression"]
    assert ".subresource('approval') .namespace(request.namespace).check('approve').allowed()" in asked
    may = one(objects, "ClusterRole", "millrace-modelloops-approve")
    assert may["rules"][1] == {
        "apiGroups": ["millrace.dev"], "resources": ["modelloops/approval"], "verbs": ["approve"]
    }  # fmt: skip
    assert "labels" not in may["metadata"]
