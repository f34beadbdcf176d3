"""Every rendered manifest keeps every rule; and each rule has caught a planted bug."""

from typing import Any

import pytest
from tests.chart import invariants as rules
from tests.chart.rendering import CASES, Object, case_objects, one

GONE = object()
"""Planted in the place of a value: the value is taken away."""
POD = "Deployment/millrace-registry spec.template.spec."
FIRST = POD + "containers.0."
GATEWAY = "Deployment/millrace-gateway spec.template.spec."
SERVICE = "Service/millrace-registry "
ROLE = "Role/millrace-serving rules.0."
UNASKED = {"name": "k", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
WEBHOOK = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
LOOP = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop"}
SECRET = {"apiVersion": "v1", "kind": "Secret"}
NAMED = {"metadata": {"name": "x", "namespace": "millrace"}}

PLANTED: list[tuple[rules.Invariant, str, Any]] = [
    (rules.restricted, POD + "securityContext.runAsUser", 0),
    (rules.restricted, POD + "securityContext.seccompProfile", GONE),
    (rules.restricted, POD + "hostNetwork", True),
    (rules.restricted, POD + "volumes.+", {"name": "h", "hostPath": {"path": "/"}}),
    (rules.restricted, FIRST + "securityContext.readOnlyRootFilesystem", False),
    (rules.restricted, FIRST + "securityContext.capabilities", GONE),
    (rules.restricted, GATEWAY + "initContainers.0.securityContext", GONE),
    (rules.bounded, FIRST + "resources.limits.memory", GONE),
    (rules.bounded, FIRST + "resources.requests.cpu", GONE),
    (rules.probed, FIRST + "livenessProbe", GONE),
    (rules.probed, GATEWAY + "containers.0.startupProbe", GONE),
    (rules.pinned, FIRST + "image", "docker.io/millrace/registry:latest"),
    (rules.pinned, FIRST + "image", "docker.io/millrace/registry"),
    (rules.pinned, FIRST + "image", "millrace/registry:1"),
    (rules.tokens_where_needed, POD + "automountServiceAccountToken", GONE),
    (rules.tokens_where_needed, "ServiceAccount/millrace-gateway automountServiceAccountToken", GONE),
    (rules.tokens_where_needed, GATEWAY + "volumes.+", UNASKED),
    (rules.own_account, POD + "serviceAccountName", GONE),
    (rules.own_account, "ServiceAccount/millrace-registry", GONE),
    (rules.no_docker_links, POD + "enableServiceLinks", GONE),
    (rules.narrow_roles, ROLE + "verbs", ["*"]),
    (rules.narrow_roles, ROLE + "resources", ["secrets"]),
    (rules.narrow_roles, ROLE + "resources", ["pods/exec"]),
    (rules.narrow_roles, ROLE + "verbs", ["impersonate"]),
    (rules.narrow_roles, "ClusterRole/millrace-millrace-modelloops rules.0.resources", ["pods"]),
    (rules.nothing_in_the_way, "+", WEBHOOK | NAMED),
    (rules.nothing_in_the_way, "+", LOOP | NAMED),
    (rules.secrets_by_reference, "+", SECRET | NAMED),
    (rules.secrets_by_reference, FIRST + "env.+", {"name": "DB_PASSWORD", "value": "x"}),
    (rules.fenced, "Deployment/millrace-registry spec.template.metadata.labels", {}),
    (rules.fenced, "NetworkPolicy/millrace-deny spec.podSelector", {"matchLabels": {"a": "b"}}),
    (rules.spread_and_budgeted, "Deployment/millrace-registry spec.replicas", 2),
    (rules.selected, "Deployment/millrace-registry spec.selector.matchLabels", {"a": "b"}),
    (rules.selected, SERVICE + "spec.selector", {"a": "b"}),
    (rules.selected, SERVICE + "spec.ports.0.targetPort", "web"),
    (rules.mounted, POD + "volumes.0", GONE),
    (rules.mounted, "PersistentVolumeClaim/millrace-registry", GONE),
    (rules.mounted, "ConfigMap/millrace-issuers", GONE),
    (rules.labelled, SERVICE + "metadata.labels", GONE),
    (rules.labelled, SERVICE + "metadata.namespace", GONE),
    (rules.labelled, "+", SECRET | {"metadata": {"name": "x" * 64, "namespace": "millrace"}}),
    (rules.reachable, FIRST + "env.+", {"name": "MILLRACE_X_URL", "value": "http://elsewhere:8080"}),
    (rules.reachable, "Service/millrace-serving spec.ports.0.port", 80),
]


def plant(objects: list[Object], place: str, value: Any) -> None:
    """Put *value* at `Kind/name path.to.it`; `+` appends."""
    target, _, path = place.partition(" ")
    if target == "+":
        return objects.append(value)
    sort, _, name = target.partition("/")
    found: Any = one(objects, sort, name)
    if not path:
        return objects.remove(found)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        found = found[step]
    if value is GONE:
        found.pop(last)
    elif last == "+":
        found.append(value)
    else:
        found[last] = value
    return None


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", rules.ALL, ids=lambda found: found.__name__)
def test_every_case_keeps_every_rule(case, rule):
    assert list(rule(case_objects(case))) == []


@pytest.mark.parametrize(("rule", "place", "bug"), PLANTED)
def test_each_rule_catches_a_planted_bug(rule, place, bug):
    objects = case_objects("default")
    objects.remove(one(objects, "NetworkPolicy", "millrace-registry"))
    plant(objects, place, bug)
    assert list(rule(objects)), place


def test_every_rule_has_caught_something():
    assert {rule for rule, _, _ in PLANTED} == set(rules.ALL)
