"""Writes Kubernetes' own shapes (volumes, containers, affinity, selectors) into values.schema.json, closed throughout.

Taken from the newest Kubernetes whose schemas are at hand, so that a misspelled field deep inside is refused by Helm
with its path, and not by the API server later, or by nobody: pods made at run time get theirs hours after the install.

`python -m charts.shapes`; `make k8s-render` calls it.
"""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate

SCHEMA = Path(__file__).parent / "millrace" / "values.schema.json"
CORE, META, NET = "io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1.", "io.k8s.api.networking.v1."
WANTED = (
    f"{CORE}Volume", f"{CORE}Container", f"{CORE}Affinity", f"{CORE}EnvVarSource", f"{META}LabelSelector",
    f"{NET}NetworkPolicyPort", f"{NET}IPBlock",
)  # fmt: skip
KEPT = ("type", "properties", "items", "additionalProperties", "required", "oneOf", "enum", "$ref")
LEFT_OUT = ("managedFields",)
"""What only an API server writes."""
MARK = '    "kubernetes.'
Node = dict[str, Any]


def shapes() -> dict[str, Node]:
    """The definitions, by their names in the chart's schema, with all that they refer to."""
    known = _known()
    made: dict[str, Node] = {}
    todo = list(WANTED)
    while todo:
        name = todo.pop()
        if _short(name) not in made:
            todo += _referred(known[name])
            made[_short(name)] = _closed(known[name])
    return dict(sorted(made.items()))


def _known() -> dict[str, Node]:
    root = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    newest = root / f"v{kubernetes_validate.latest_version()}-local" / "_definitions.json"
    found = json.loads(newest.read_text())["$defs"]
    for shape in found.values():
        for field in LEFT_OUT:
            shape.get("properties", {}).pop(field, None)
    return dict(found)


def _short(name: str) -> str:
    return "kubernetes." + name.rpartition(".")[2]


def _referred(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _referred(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
    return own + [name for item in node.values() for name in _referred(item)]


def _closed(node: Node) -> Node:
    """The same shape without words and nulls, that takes no field but its own."""
    made: Node = {}
    for key in KEPT:
        if key in node:
            made[key] = _part(key, node[key])
    if "properties" in made:
        made["additionalProperties"] = False
    return made


def _part(key: str, value: Any) -> Any:
    if key == "$ref":
        return f"#/definitions/{_short(value)}"
    if key == "type" and isinstance(value, list):
        return next(item for item in value if item != "null")
    if key == "properties":
        return {name: _closed(item) for name, item in value.items()}
    if key == "oneOf":
        return [_closed(item) for item in value]
    return _closed(value) if isinstance(value, dict) else value


def written(text: str) -> str:
    """The schema with its generated lines as they should be; all else stays as it is."""
    kept = [line for line in text.splitlines() if not line.startswith(MARK)]
    place = next(number for number, line in enumerate(kept) if re.match(r' {2}"definitions": \{$', line)) + 1
    lines = [f'    "{name}": {json.dumps(shape)},' for name, shape in shapes().items()]
    return "\n".join(kept[:place] + lines + kept[place:]) + "\n"


def main() -> None:
    """Write them."""
    SCHEMA.write_text(written(SCHEMA.read_text()))


if __name__ == "__main__":
    main()
