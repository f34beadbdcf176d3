"""From a resource of the cluster to the document it declares."""

from typing import Any

from pydantic import ValidationError

from millrace.crd import GROUP, KIND, VERSION
from millrace_contracts.loop import ModelLoop, mistakes
from millrace_contracts.loops import LoopOwner

Resource = dict[str, Any]
API_VERSION = f"{GROUP}/{VERSION}"


class Unreadable(Exception):
    """The resource got past the API server, but says nothing that a loop could be made of; the text says why."""


def project_of(namespace: str, projects: dict[str, str]) -> str:
    """The project that a namespace stands for: by configuration, else its own name."""
    return projects.get(namespace, namespace)


def read(resource: Resource, project: str) -> ModelLoop:
    """The document that *resource* declares in *project*. Raises: Unreadable."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": resource["metadata"]["name"], "project": project},
        "spec": resource.get("spec"),
    }
    try:
        return ModelLoop.model_validate(document)
    except ValidationError as error:
        raise Unreadable("; ".join(mistakes(error)[:10])) from error


def owner(resource: Resource) -> LoopOwner:
    """What a loop remembers of the resource that declares it."""
    meta = resource["metadata"]
    return LoopOwner(
        kind=KIND,
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation") or 1,
    )


def author(resource: Resource) -> str:
    """Who decided, as decisions name it."""
    meta = resource["metadata"]
    return f"modelloop:{meta['namespace']}/{meta['name']}"


def slim(resource: Resource) -> Resource:
    """What is remembered of a resource between two lists: who it is, and what its status says; not its spec."""
    meta = {name: resource["metadata"].get(name) for name in ("name", "namespace", "uid", "generation")}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta, "status": resource.get("status") or {}}
