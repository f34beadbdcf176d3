"""Renders the chart with either Helm, and walks what came out."""

import copy
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.chart.tools import HELM3, HELM4, helm

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "millrace"
CASES = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
HELMS = {"helm4": HELM4, "helm3": HELM3}
Object = dict[str, Any]


class Refused(Exception):
    """Helm refused to render; the text is what it said."""


@dataclass(frozen=True)
class Pod:
    """A pod's template: the object it stands in, its namespace, labels and spec."""

    where: str
    namespace: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def component(self) -> str:
        return self.labels["app.kubernetes.io/component"]

    @property
    def containers(self) -> list[dict[str, Any]]:
        return self.spec.get("initContainers", []) + self.spec["containers"]


def values(case: str) -> list[str]:
    """The arguments that give the values of a case; production stands on its own file."""
    base = ["-f", str(CHART / "values-production.yaml")] if case == "production" else []
    return [*base, "-f", str(CHART / "ci" / f"{case}-values.yaml")]


def render(
    *arguments: str, which: str = "helm4", release: str = "millrace", chart: Path = CHART
) -> list[Object]:
    """Every object of the release `release` in the namespace `millrace`. Raises: Refused."""
    return _parsed(text(*arguments, which=which, release=release, chart=chart))


def text(*arguments: str, which: str = "helm4", release: str = "millrace", chart: Path = CHART) -> str:
    """What Helm prints. Raises: Refused."""
    command = [helm(HELMS[which]), "template", release, str(chart), "--namespace", "millrace", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def _parsed(printed: str) -> list[Object]:
    return [found for found in yaml.load_all(printed, Loader=yaml.CSafeLoader) if found]


@functools.cache
def _case(case: str, which: str) -> list[Object]:
    return _parsed(text(*values(case), which=which))


def case_objects(case: str, which: str = "helm4") -> list[Object]:
    """A fresh copy of what a case renders, so that a test may change it."""
    return copy.deepcopy(_case(case, which))


def kind(objects: list[Object], *names: str) -> list[Object]:
    return [found for found in objects if found["kind"] in names]


def one(objects: list[Object], sort: str, name: str) -> Object:
    """The object of that kind and name."""
    (found,) = [item for item in kind(objects, sort) if item["metadata"]["name"] == name]
    return found


def pods(objects: list[Object]) -> Iterator[Pod]:
    """Every pod that the objects make."""
    for found in objects:
        template = found if found["kind"] == "Pod" else found.get("spec", {}).get("template")
        if found["kind"] in ("Pod", "Deployment", "StatefulSet", "Job") and template is not None:
            meta = template.get("metadata", {})
            name = f"{found['kind']}/{found['metadata']['name']}"
            yield Pod(name, found["metadata"]["namespace"], meta.get("labels", {}), template["spec"])
