"""Answers as a network that honours NetworkPolicies would: may this pod talk to that one, on this port?"""

from typing import Any

from tests.chart.rendering import Object, Pod, kind

Policy = dict[str, Any]


def selecting(objects: list[Object], pod: Pod, direction: str) -> list[Policy]:
    """The policies that select *pod* for `Ingress` or `Egress`."""
    return [
        policy
        for policy in kind(objects, "NetworkPolicy")
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and matches(policy["spec"]["podSelector"], pod.labels)
    ]


def allowed(objects: list[Object], source: Pod, target: Pod, port: int) -> bool:
    """Whether *source* may open a connection to *target*: its egress and the target's ingress both agree."""
    return _agrees(objects, source, "Egress", target, port) and _agrees(
        objects, target, "Ingress", source, port
    )


def reaches_outside(objects: list[Object], pod: Pod, port: int) -> bool:
    """Whether *pod* may connect to an address outside the cluster."""
    rules = [
        rule for policy in selecting(objects, pod, "Egress") for rule in policy["spec"].get("egress", [])
    ]
    return any(
        _port(rule, port) and any("ipBlock" in peer for peer in rule.get("to", [{"ipBlock": {}}]))
        for rule in rules
    )


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a label selector selects *labels*: by `matchLabels`, and by labels that may not be there."""
    assert set(selector) <= {"matchLabels", "matchExpressions"}, selector
    absent = selector.get("matchExpressions", [])
    assert all(set(item) == {"key", "operator"} and item["operator"] == "DoesNotExist" for item in absent)
    return not any(item["key"] in labels for item in absent) and all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    )


def _agrees(objects: list[Object], pod: Pod, direction: str, peer: Pod, port: int) -> bool:
    policies = selecting(objects, pod, direction)
    side, key = ("from", "ingress") if direction == "Ingress" else ("to", "egress")
    rules = [rule for policy in policies for rule in policy["spec"].get(key, [])]
    return not policies or any(_port(rule, port) and _peer(rule.get(side), pod, peer) for rule in rules)


def _port(rule: dict[str, Any], port: int) -> bool:
    return "ports" not in rule or any(item["port"] == port for item in rule["ports"])


def _peer(peers: list[dict[str, Any]] | None, pod: Pod, other: Pod) -> bool:
    return peers is None or any(_selected(peer, pod, other) for peer in peers)


def _selected(peer: dict[str, Any], pod: Pod, other: Pod) -> bool:
    """An address block never means another pod here: pods are named by their labels."""
    if "ipBlock" in peer:
        return False
    space = {"kubernetes.io/metadata.name": other.namespace}
    here = (
        matches(peer["namespaceSelector"], space)
        if "namespaceSelector" in peer
        else pod.namespace == other.namespace
    )
    return here and matches(peer.get("podSelector", {}), other.labels)
