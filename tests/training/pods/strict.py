"""Manifests held against Kubernetes' own types and KubeRay's own schema, both made strict."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
from kubernetes.client import models

SCHEMA = Path(__file__).with_name("rayjob.schema.json")


def check(type_: str, value: Any, where: str = "") -> None:
    """Raises AssertionError naming the place of an unknown field or a wrong type."""
    if found := re.fullmatch(r"list\[(.+)\]", type_):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            check(found[1], item, f"{where}[{number}]")
    elif found := re.fullmatch(r"dict\(str, (.+)\)", type_):
        assert isinstance(value, dict), where
        for name, item in value.items():
            check(found[1], item, f"{where}.{name}")
    elif (model := getattr(models, type_, None)) is not None:
        assert isinstance(value, dict), where
        known = {json_name: model.openapi_types[name] for name, json_name in model.attribute_map.items()}
        for name, item in value.items():
            assert name in known, f"{where}.{name} is unknown to {type_}"
            check(known[name], item, f"{where}.{name}")
    else:
        expected = {"str": str, "int": int, "bool": bool, "object": object}[type_]
        assert isinstance(value, expected), f"{where} is {value!r}"


def check_job(manifest: dict[str, Any]) -> None:
    check("V1Job", manifest)


def check_ray_job(manifest: dict[str, Any]) -> None:
    """The schema of KubeRay's RayJob v1, unknown fields refused; its pod templates by Kubernetes' types."""
    jsonschema.validate(manifest, _strict(json.loads(SCHEMA.read_text())))
    cluster = manifest["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        check("V1PodTemplateSpec", group["template"])


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(item) for name, item in schema.items()}
    keeps = schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in schema and "additionalProperties" not in schema and not keeps:
        made["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    return made
