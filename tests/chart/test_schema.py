"""The schema of the values has no open place: a misspelled field is refused at every depth, with its path."""

import copy
import json

import pytest
import yaml
from charts import shapes
from jsonschema import Draft7Validator
from tests.chart import test_fields as fields
from tests.chart.rendering import CHART, HELMS, Refused, render
from tests.chart.test_values import helm_or_skip

SCHEMA = json.loads(shapes.SCHEMA.read_text())
OPEN = ("properties/extraObjects/items",)
"""Objects of the user's own, of any kind."""
SUBSCHEMAS = ("properties", "definitions", "patternProperties")


def nodes(schema, path=()):
    """Every subschema, by its path."""
    yield "/".join(path), schema
    for key, value in schema.items():
        if key in SUBSCHEMAS:
            for name, child in value.items():
                if isinstance(child, dict):
                    yield from nodes(child, (*path, key, name))
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            yield from nodes(value, (*path, key))


def is_open(node):
    """Whether it takes an object with fields that nobody named."""
    is_object = node.get("type") == "object" or "object" in node.get("type", ()) or "properties" in node
    return is_object and "additionalProperties" not in node and "allOf" not in node


def test_no_object_of_the_schema_takes_a_field_that_is_not_named():
    assert [path for path, node in nodes(SCHEMA) if is_open(node) and path not in OPEN] == []
    for path, node in nodes(SCHEMA):
        for part in node.get("allOf", ()):
            name = part["$ref"].rpartition("/")[2]
            assert SCHEMA["definitions"][name]["additionalProperties"] is False, path


def test_kubernetes_own_shapes_are_fresh():
    text = shapes.SCHEMA.read_text()
    assert shapes.written(text) == text, "run 'make k8s-render'"
    assert len(shapes.shapes()) > 90


def everything():
    """The values of production, with every field of every part, and what stands in them only rarely."""
    values = yaml.safe_load((CHART / "ci" / "production-values.yaml").read_text())
    for part, path in (fields.PLACES | fields.RUN_TIME).items():
        if part not in fields.RUN_TIME:
            values = fields.merged(values, fields.placed(path, fields.given(part)))
    peer = {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}
    rule = {
        "to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.1/32"]}}],
        "ports": [{"port": 443}],
    }
    secret = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    confined = {"capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    first = {
        "name": "first",
        "image": "example.org/first:1",
        "env": [secret],
        "ports": [{"containerPort": 5432}],
    }
    more = {
        "name": "more",
        "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "x"}}]},
    }
    values["networkPolicy"] = {
        "clients": [peer],
        "webhooks": [rule],
        "sources": [rule],
        "openlineage": [rule],
    }
    values["workloads"] = {"initContainers": [first | {"securityContext": confined}], "extraEnv": [secret],
                           "extraVolumes": [more]}  # fmt: skip
    return values


def maps(tree, path=()):
    """Every map in the values, by its path."""
    if isinstance(tree, dict):
        yield path
        for key, value in tree.items():
            yield from maps(value, (*path, key))
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from maps(value, (*path, place))


FREE = {
    "nodeSelector",
    "annotations",
    "labels",
    "matchLabels",
    "projects",
    "team-a",
    "runtimes",
    "requests",
    "limits",
}
"""Maps whose keys are the user's own."""


def test_a_misspelled_field_is_refused_wherever_it_stands():
    values, validator = everything(), Draft7Validator(SCHEMA)
    assert [error.message for error in validator.iter_errors(values)] == []
    tried = 0
    for path in maps(values):
        if path and path[-1] in FREE:
            continue
        spoilt = copy.deepcopy(values)
        place = spoilt
        for key in path:
            place = place[key]
        place["misspelled"] = "x"
        assert not validator.is_valid(spoilt), path
        tried += 1
    assert tried > 200


@pytest.mark.parametrize("which", HELMS)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("pods.extraVolumes[0].name=x,pods.extraVolumes[0].configMap.nam=y", "nam"),
        (
            "triton.initContainers[0].name=x,triton.initContainers[0].image=y,"
            "triton.initContainers[0].securityContext.runAsUsr=1",
            "runAsUsr",
        ),
        ("networkPolicy.clients[0].namespaceSelector.matchLabel.a=b", "matchLabel"),
        ("gateway.affinity.nodeAffinity.preferred[0].weight=1", "preferred"),
    ],
)
def test_helm_refuses_it_with_its_path(which, value, said):
    helm_or_skip(which)
    with pytest.raises(Refused) as told:
        render("--set", value, which=which)
    assert said in str(told.value)
