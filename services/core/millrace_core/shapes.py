"""What the installation gives a kind of pod made at run time, beside what Millrace itself says of it. Pure data.

Nothing of it comes from a loop: what brings environment, volumes or containers into a pod is for those who run the
platform.
"""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from millrace_contracts.bodies import Document


class Shape(BaseModel):
    """Fields of a pod and of its containers, as Kubernetes writes them; what is empty changes nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    node_selector: dict[str, str] = Field(default={})
    tolerations: list[Document] = Field(default=[])
    affinity: Document = Field(default={})
    topology_spread_constraints: list[Document] = Field(default=[])
    priority_class_name: str = ""
    runtime_class_name: str = ""
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})
    extra_env: list[Document] = Field(default=[])
    extra_env_from: list[Document] = Field(default=[])
    extra_volumes: list[Document] = Field(default=[])
    extra_volume_mounts: list[Document] = Field(default=[])
    init_containers: list[Document] = Field(default=[])
    probes: dict[str, dict[str, int]] = Field(default={})
    """Times of probes, like `{"startup": {"failureThreshold": 600}}`; seconds, and numbers of tries."""
