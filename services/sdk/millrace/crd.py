"""The ModelLoop as a CustomResourceDefinition, made from the SDK's own schema: `python -m millrace.crd`.

An API server knows no pydantic: what the validators say stands again in `millrace.crd_rules`.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from millrace.crd_durations import bounds, rule
from millrace.crd_rules import FORMATS, RULES
from millrace_contracts.loop import Spec
from millrace_contracts.names import LoopName
from millrace_contracts.status import LoopStatus

Json = dict[str, Any]
GROUP, PLURAL, KIND, VERSION = "millrace.dev", "modelloops", "ModelLoop", "v1alpha1"
KEPT = (
    "type", "description", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "maxProperties", "default", "required",
)  # fmt: skip
HEADER = "# Made by `make crds` from services/contracts/millrace_contracts/loop.py; change it there.\n"


KEYED = {("DataContract", "columns"): ["name"], ("LoopStatus", "conditions"): ["type"]}
"""Lists in which nothing may stand twice, with what tells their items apart."""

SPOKEN = {("TrainingSpec", "variants"): "none"}
"""Lists that may be written as one bare word, and the word that stands alone in one."""

COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Phase", "string", ".status.phase", 0),
    ("Champion", "integer", ".status.champion.version", 0),
    ("Candidate", "integer", ".status.candidate.version", 0),
    ("Canary%", "number", ".status.candidate.weight", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Progressing")].reason', 0),
    ("Data", "string", '.status.conditions[?(@.type=="DataValid")].status', 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Run", "integer", ".status.run.number", 1),
    ("Drift", "string", '.status.conditions[?(@.type=="DriftDetected")].status', 1),
    ("Project", "string", ".status.project", 1),
    ("Message", "string", '.status.conditions[?(@.type=="Progressing")].message', 1),
)


def structural(node: Json, known: dict[str, Json]) -> Json:
    """A pydantic JSON schema as an API server wants it: nothing by reference, null as `nullable`, rules beside it."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return structural(_named(name, known[name]) | {k: v for k, v in node.items() if k != "$ref"}, known)
    if "anyOf" in node:
        (one,) = (option for option in node["anyOf"] if option.get("type") != "null")
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return structural(one | rest, known) | {"nullable": True}
    return _plain(node) | _inside(node, known) | _rules(node)


def _named(name: str, model: Json) -> Json:
    return model | {"model": name}


def _plain(node: Json) -> Json:
    made = {key: node[key] for key in KEPT if node.get(key) is not None}
    if "const" in node:
        made["enum"] = [node["const"]]
    for end, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in node:
            made |= {end: node[exclusive], exclusive: True}
    if "properties" in node and "default" in made:
        made["default"] = {}  # filled by the defaults inside it
    return made


def _inside(node: Json, known: dict[str, Json]) -> Json:
    made: Json = {}
    if "items" in node:
        made["items"] = structural(node["items"], known)
    for value in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(value, dict):  # a structural schema has no pattern for names
            made["additionalProperties"] = structural(value, known)
    if "properties" in node:
        made["properties"] = {
            name: _spoken(node, name, structural(inner, known) | _keyed(node, name))
            for name, inner in node["properties"].items()
        }
    return made


def _keyed(node: Json, name: str) -> Json:
    keys = KEYED.get((node.get("model", ""), name))
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys} if keys else {}


def _spoken(node: Json, name: str, made: Json) -> Json:
    """A list that may also be one bare word: nothing of two types has a type, so the values alone say what is meant.

    `minItems` binds lists alone: who breaks it is a list, of so few items.
    """
    alone = SPOKEN.get((node.get("model", ""), name))
    if alone is None:
        return made
    words, most = made["items"]["enum"], made.pop("maxItems")
    del made["type"]
    least = {"minItems": made.pop("minItems")}
    others = {"items": {"enum": [word for word in words if word != alone]}}
    few = [{"not": {"minItems": 2}}, {"not": {"minItems": most + 1}} | others]
    made["anyOf"] = [{"enum": words}, *(least | one for one in few)]
    return made | {"x-kubernetes-preserve-unknown-fields": True}


def _rules(node: Json) -> Json:
    rules = FORMATS.get(node.get("format", ""), []) + bounds(node) + RULES.get(node.get("model", ""), [])
    return {"x-kubernetes-validations": rules} if rules else {}


def _schema(model: Any) -> Json:
    whole = model.model_json_schema(by_alias=True)
    return structural(_named(model.__name__, whole), whole.get("$defs", {}))


def _document() -> Json:
    name = LoopName.__metadata__[0].pattern  # type: ignore[attr-defined]
    return {
        "type": "object",
        "description": "A model's whole life: data, training, gates, serving, monitoring, retraining.",
        "required": ["spec"],
        "x-kubernetes-validations": [
            rule(
                f"self.metadata.name.matches('{name}')",
                "a loop's name is small letters, digits and hyphens, 63 at most",
            )
        ],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _schema(Spec),
            "status": _schema(LoopStatus) | {"x-kubernetes-preserve-unknown-fields": True},
        },
    }


def definition() -> Json:
    """The CustomResourceDefinition."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path} | ({"priority": 1} if hidden else {})
            for name, kind, path, hidden in COLUMNS
        ],
        "schema": {"openAPIV3Schema": _document()},
    }
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": PLURAL,
        "singular": KIND.lower(),
        "shortNames": ["ml"],
        "categories": ["millrace"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}", "annotations": {"helm.sh/resource-policy": "keep"}},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


class _Plain(yaml.SafeDumper):
    """Says everything where it belongs, also what was said before."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def text() -> str:
    """The definition as YAML."""
    return HEADER + yaml.dump(definition(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def main() -> None:
    """Write the definition to the files named, or to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    found = parser.parse_args()
    for file in found.files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text(), encoding="utf-8")
    if not found.files:
        print(text(), end="")


if __name__ == "__main__":
    main()
