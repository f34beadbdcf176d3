"""Writes docs/reference/chart.md and the chart's own README from values.yaml and its schema: what the chart takes.

`python -m charts.reference`; `make k8s-render` calls it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "millrace"
PAGE = ROOT / "docs" / "reference" / "chart.md"
README = CHART / "README.md"
BESIDE = ("updateStrategy", "serviceAccount", "service", "runtimeClassName")
"""Fields that parts take and `pods` has not."""
LINE = re.compile(r"^(?P<indent> *)(?P<key>[a-zA-Z]+):(?P<rest>.*)$")
HEAD = """\
# Values of the chart

Written from `charts/millrace/values.yaml` and `values.schema.json` by `make k8s-render`; a test keeps it fresh. What
does not stand here is refused with its path.
"""
PACKED = """\
# millrace

One resource, `ModelLoop`, is the whole life of a model: data, training, gates, serving, monitoring and retraining. This
chart installs the platform that keeps it true. Kubernetes from 1.30, Helm 3 or 4; no webhook, no cert-manager, no
subchart.

```
helm install millrace-crds charts/millrace-crds -n default     # the definition; it outlives every uninstall
helm install millrace charts/millrace -n millrace --create-namespace
helm test millrace -n millrace --logs                          # a tiny loop, from rows to a prediction
```

Without values it is for trying out: an embedded PostgreSQL, volumes, no TLS. `values-production.yaml`, which lies in
the chart, turns that round, and `production: true` in it refuses what is only for trying out; what only you know is
asked for by name. Two releases that would follow the same ModelLoops are refused. An uninstall leaves volumes, the
definition and the loops.

Upgrade the definition first, then the platform, with the same files of values. Longer, with two teams, from nothing to
an uninstall: `docs/howto/platform.md` in the repository.

Everything below is written from `values.yaml` and `values.schema.json`. What does not stand here is refused with its
path.
"""
FIELDS = """
## Fields that every part takes

Under the part's own name, beside those below: `registry.nodeSelector`, `gateway.extraEnv`, `training.job.labels`. Lists
of `pods` (of `workloads`, for pods made at run time) come first and the part's after them; maps of the part are laid
over those; all else replaces. Environment and mounts reach no container that runs code of a user's own. A loop chooses
with `spec.placement` where its pods run (node selector, tolerations, pull secrets; for jobs also queue, priority class,
GPUs and workers) and nothing that brings something into them.
"""


@dataclass(frozen=True)
class Value:
    """One value: its path, what it is by default, and the sentence above it. *default* None: others stand below it."""

    path: tuple[str, ...]
    default: str | None
    said: str


def values(text: str) -> Iterator[Value]:
    """Every value of the file, in its order."""
    path: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        found = LINE.match(line)
        if line.lstrip().startswith("# "):
            said.append(line.lstrip()[2:])
        elif found is None:
            said = [] if not line.strip() else said
        else:
            indent = len(found["indent"])
            path = [item for item in path if item[0] < indent] + [(indent, found["key"])]
            yield Value(tuple(key for _, key in path), found["rest"].strip() or None, " ".join(said))
            said = []


def page(head: str = HEAD) -> str:
    """The page below *head*, as it should be."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    text = (CHART / "values.yaml").read_text()
    parts = [head, FIELDS, *_fields(schema, text)]
    for value in values(text):
        if len(value.path) == 1 and value.default is None:
            parts.append(f"\n## {value.path[0]}\n")
            parts += [f"\n{value.said}\n"] if value.said else []
            parts.append("\n| value | default | what it is |\n|---|---|---|\n")
            parts += [
                _row(item) for item in values(text) if item.path[0] == value.path[0] and _told(item, text)
            ]
    top = [item for item in values(text) if len(item.path) == 1 and item.default is not None]
    parts += ["\n## All else\n", "\n| value | default | what it is |\n|---|---|---|\n", *map(_row, top)]
    return "".join(parts)


def _told(item: Value, text: str) -> bool:
    """Whether a row is its: a leaf, or a list that begins on the next line."""
    defaults: Any = yaml.safe_load(text)
    for key in item.path:
        defaults = defaults[key]
    return item.default is not None or not isinstance(defaults, dict)


def _row(item: Value) -> str:
    default = "a list, see the file" if item.default is None else f"`{item.default}`"
    said = item.said.replace("|", "\\|")
    return f"| `{'.'.join(item.path)}` | {default} | {said} |\n"


def _fields(schema: dict[str, Any], text: str) -> Iterator[str]:
    said = {
        item.path[1]: item.said for item in values(text) if item.path[0] == "pods" and len(item.path) == 2
    }
    yield "\n| field | what it is | not of |\n|---|---|---|\n"
    takers = dict(_parts(schema))
    for field in (*said, *BESIDE):
        lacking = [name for name, taken in takers.items() if field not in taken]
        words = said.get(field) or _words(schema, field)
        yield f"| `{field}` | {words} | {', '.join(f'`{name}`' for name in lacking) or '—'} |\n"


def _parts(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, set[str]]]:
    """Parts that take fields of pods, by their path."""
    for name, child in schema["properties"].items():
        fields = child.get("properties", {})
        if "nodeSelector" in fields and name not in ("pods", "workloads"):
            yield before + name, set(fields)
        if fields:
            yield from _parts(child, f"{before}{name}.")


def _words(schema: dict[str, Any], field: str) -> str:
    if field == "runtimeClassName":
        return "Runtime class of its pods."
    name = {"serviceAccount": "account", "updateStrategy": "strategy"}.get(field, field)
    return str(schema["definitions"][name]["description"])


def main() -> None:
    """Write both."""
    PAGE.write_text(page())
    README.write_text(page(PACKED))


if __name__ == "__main__":
    main()
