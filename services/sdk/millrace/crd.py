"""The ModelLoop as a CustomResourceDefinition, made from the SDK's own schema: `python -m millrace.crd`.

An API server knows no pydantic: what the validators say is said again here in CEL, in the same words, and
tests/contract shows every document of one corpus to both.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from millrace_contracts import durations, parts
from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.loop import AbsoluteGate, Rollout, Spec
from millrace_contracts.names import LoopName
from millrace_contracts.status import LoopStatus

Json = dict[str, Any]
GROUP, PLURAL, KIND, VERSION = "millrace.dev", "modelloops", "ModelLoop", "v1alpha1"
KEPT = (
    "type", "description", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "maxProperties", "default", "required",
)  # fmt: skip
WRITTEN = "^[0-9]{1,6}[smhdw]$"
SECONDS = (
    "int(self.substring(0, self.size() - 1)) * "
    "{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}[self.substring(self.size() - 1)]"
)
DAYS = f"(self.matches('{WRITTEN}') && {SECONDS} >= 86400 && ({SECONDS}) % 86400 == 0)"
HEADER = "# Made by `make crds` from services/contracts/millrace_contracts/loop.py; change it there.\n"


def _rule(rule: str, message: str, expression: str | None = None) -> Json:
    """One CEL rule; *expression* makes the message where it names what was written."""
    made = {"rule": rule, "message": message}
    return made | ({"messageExpression": expression} if expression else {})


FORMATS: dict[str, list[Json]] = {
    parts.DURATION: [
        _rule(f"self.matches('{WRITTEN}')", "a duration is written like 30m, 12h or 14d"),
    ],
    parts.DAYS: [_rule(DAYS, "is not a whole number of days; write it like 28d")],
    parts.WINDOW: [_rule(f"self == 'all' || {DAYS}", "is neither all nor a whole number of days like 60d")],
    parts.ZONE: [
        _rule(
            "self.matches('^[A-Za-z][A-Za-z0-9_+/-]*$') && timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
            "is not a time zone; write it like Europe/Berlin",
        )
    ],
}
"""What the validators behind a format check."""

RULES: dict[str, list[Json]] = {
    AbsoluteGate.__name__: [
        _rule(
            "has(self.atMost) != has(self.atLeast)",
            "the gate needs either atMost or atLeast",
            "'the gate on ' + self.metric + ' needs either atMost or atLeast'",
        )
    ],
    Rollout.__name__: [
        _rule(
            "!has(self.canary) || (self.canary.map(step, step.percent).isSorted() && "
            "self.canary.all(step, self.canary.exists_one(other, other.percent == step.percent)))",
            "the canary's percentages must grow from step to step",
        )
    ],
    Spec.__name__: [
        _rule(
            "!has(self.data.eventTime) || self.data.eventTime != self.target",
            "the target cannot be the event time",
        ),
        _rule(
            "!has(self.data.exclude) || !(self.target in self.data.exclude)", "the target cannot be excluded"
        ),
        _rule(
            "has(self.data.eventTime) || !has(self.training) || !has(self.training.windows) || "
            "self.training.windows.all(window, window == 'all')",
            "windows in days need data.eventTime",
        ),
        _rule(
            "!has(self.data.contract) || self.data.contract.columns.exists(column, column.name == self.target)",
            "the contract has no column that is the target",
            '"the contract has no column \'" + self.target + "\', which is the target"',
        ),
    ],
    DataContract.__name__: [
        _rule(
            f"!has(self.{role}) || self.columns.exists(column, column.name == self.{role})",
            f"{role} is not among the columns",
            f'"{role} \'" + self.{role} + "\' is not among the columns"',
        )
        for role in ("event_time", "target")
    ],
    ColumnContract.__name__: [
        _rule(
            "(!has(self.minimum) && !has(self.maximum)) || self.type in ['number', 'integer']",
            "minimum and maximum are for numbers",
            '"\'" + self.name + "\': minimum and maximum are for numbers, not for " + self.type',
        ),
        _rule(
            "!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",
            "minimum is greater than maximum",
            '"\'" + self.name + "\': minimum is greater than maximum"',
        ),
        _rule(
            "!has(self.allowed) || self.type == 'string'",
            "allowed is for strings",
            '"\'" + self.name + "\': allowed is for strings, not for " + self.type',
        ),
    ],
}
"""What the validators of a model check, by the model's name."""

KEYED = {("DataContract", "columns"): ["name"], ("LoopStatus", "conditions"): ["type"]}
"""Lists in which nothing may stand twice, with what tells their items apart."""

COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Phase", "string", ".status.phase", 0),
    ("Champion", "integer", ".status.champion.version", 0),
    ("Candidate", "integer", ".status.candidate.version", 0),
    ("Canary%", "number", ".status.candidate.weight", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Progressing")].reason', 0),
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
    if isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = structural(node["additionalProperties"], known)
    if "properties" in node:
        made["properties"] = {
            name: structural(inner, known) | _keyed(node, name) for name, inner in node["properties"].items()
        }
    return made


def _keyed(node: Json, name: str) -> Json:
    keys = KEYED.get((node.get("model", ""), name))
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys} if keys else {}


def _rules(node: Json) -> Json:
    rules = FORMATS.get(node.get("format", ""), []) + _bounds(node) + RULES.get(node.get("model", ""), [])
    return {"x-kubernetes-validations": rules} if rules else {}


def _bounds(node: Json) -> list[Json]:
    """The longest and the shortest that a duration may be; what is no duration breaks its format's rule alone."""
    written = f"!self.matches('{WRITTEN}')"
    made = []
    if parts.MOST in node:
        seconds, words = (
            _seconds(node[parts.MOST]),
            f"is longer than {node[parts.MOST]}, the most there can be",
        )
        made.append(_rule(f"{written} || {SECONDS} <= {seconds}", words, f'"\'" + self + "\' {words}"'))
    if parts.LEAST in node:
        seconds, words = (
            _seconds(node[parts.LEAST]),
            f"is shorter than {node[parts.LEAST]}, the least there can be",
        )
        made.append(_rule(f"{written} || {SECONDS} >= {seconds}", words, f'"\'" + self + "\' {words}"'))
    return made


def _seconds(text: str) -> int:
    return int(durations.parse(text).total_seconds())


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
            _rule(
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
