"""The compiled pipeline as this installation submits it: its image, and where its steps find the services."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import yaml

Resources = Mapping[str, Mapping[str, object]]
"""Requests and limits, as a container has them."""


@dataclass(frozen=True)
class Document:
    """A pipeline to upload; *version* follows from its content, so the same content is uploaded once."""

    pipeline: str
    version: str
    text: str


def prepared(compiled: str, image: str, environment: dict[str, str], resources: Resources) -> Document:
    """Set image, environment and resources of every step of a compiled pipeline.

    Args:
        compiled: YAML as kfp 2.17.0 wrote it.
        environment: what a step's container sees; nothing secret, since it is stored with the pipeline.
        resources: requests and limits as in a container; Kubeflow takes cpu and memory, and no others.
    """
    spec = yaml.safe_load(compiled)
    for executor in spec["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["image"] = image or container["image"]
        container["env"] = [{"name": name, "value": value} for name, value in sorted(environment.items())]
        container["resources"] = _resources(resources)
    text = yaml.safe_dump(spec, sort_keys=False)
    name = spec["pipelineInfo"]["name"]
    digest = sha256(text.encode()).hexdigest()
    return Document(f"millrace-{name}", f"{name}-{digest[:12]}", text)


def _resources(asked: Resources) -> dict[str, str]:
    """As Kubeflow writes them: resourceCpuRequest, resourceMemoryLimit, …"""
    return {
        f"resource{what.title()}{kind.title().rstrip('s')}": str(values[what])
        for kind, values in asked.items()
        for what in ("cpu", "memory")
        if what in values
    }
