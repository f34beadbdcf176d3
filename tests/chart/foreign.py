"""Resources of other projects, held to their own definitions: Gateway API, Prometheus operator, Kueue.

Each file in foreign/ is the schema of one kind's `spec` as its project publishes it (Apache-2.0; the file names the
release), without words, defaults and rules.
"""

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

FOLDER = Path(__file__).with_name("foreign")
Schema = dict[str, Any]


@functools.cache
def definitions() -> dict[tuple[str, str], Schema]:
    """What is known of each kind, by its apiVersion and kind."""
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return {(f"{item['group']}/{item['version']}", item["kind"]): item for item in found}


def known(found: Schema) -> bool:
    """Whether there is a definition of the object's kind."""
    return (found["apiVersion"], found["kind"]) in definitions()


def problems(found: Schema) -> list[str]:
    """What is wrong with the object's spec, each with its place; unknown fields are wrong."""
    validator = _validator(found["apiVersion"], found["kind"])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found.get("spec", {}))]


@functools.cache
def _validator(version: str, kind: str) -> Draft7Validator:
    return Draft7Validator(_strict(definitions()[version, kind]["spec"]))


def _strict(schema: Any) -> Any:
    """The same schema, refusing what an API server would drop."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def crd(item: Schema) -> Schema:
    """The definition as a cluster takes it, where the project itself is not installed."""
    whole = {"type": "object", "properties": {"spec": item["spec"], "status": ANYTHING}}
    version = {"name": item["version"], "served": True, "storage": True, "schema": {"openAPIV3Schema": whole}}
    singular = item["kind"].lower()
    names = {
        "kind": item["kind"],
        "plural": item["plural"],
        "singular": singular,
        "listKind": f"{item['kind']}List",
    }
    spec = {"group": item["group"], "scope": item["scope"], "names": names, "versions": [version]}
    meta: Schema = {"name": f"{item['plural']}.{item['group']}"}
    if item["group"].endswith(".k8s.io"):
        meta["annotations"] = {"api-approved.kubernetes.io": "unapproved, for tests"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": spec,
    }


ANYTHING: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
