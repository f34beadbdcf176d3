"""Where in a cluster a loop's pods may run, and what they need there; a laptop has no such choice and says so."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from millrace_contracts.parts import Int, ObjectName, Part

SERVERS = ("nodeSelector", "tolerations", "imagePullSecrets")
LabelText = Annotated[str, StringConstraints(min_length=1, max_length=316)]
LabelValue = Annotated[str, StringConstraints(max_length=63)]


class Toleration(Part):
    """A taint of nodes that the loop's pods put up with; as Kubernetes writes it."""

    key: LabelText | None = Field(default=None, description="The taint's key; left out: every key.")
    operator: Literal["Exists", "Equal"] = "Equal"
    value: LabelText | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect; left out: every effect."
    )
    toleration_seconds: Int | None = Field(default=None, ge=0)


class Placement(Part):
    """Where the pods of a loop run: all of it is for training jobs, the first three also for model servers."""

    node_selector: dict[LabelText, LabelValue] = Field(
        default={}, max_length=20, description="Labels of the nodes that its pods may run on."
    )
    tolerations: list[Toleration] = Field(
        default=[], max_length=20, description="Taints of nodes that its pods put up with."
    )
    image_pull_secrets: list[ObjectName] = Field(
        default=[],
        max_length=8,
        description="Secrets, in the workloads' namespace, with which images are pulled.",
    )
    queue: ObjectName | None = Field(
        default=None, description="Kueue's local queue for its jobs; left out: the installation's."
    )
    priority_class: ObjectName | None = Field(default=None, description="PriorityClass of its jobs' pods.")
    gpus: Int = Field(default=0, ge=0, le=64, description="GPUs of each pod that runs trials.")
    workers: Int | None = Field(
        default=None, ge=0, le=500, description="Ray workers beside the head; left out: the installation's."
    )

    def asked(self) -> dict[str, Any]:
        """As written; what was left to its default is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def of_servers(self) -> dict[str, Any]:
        """The part of it that is for model servers."""
        return {name: value for name, value in self.asked().items() if name in SERVERS}

    def chosen(self) -> list[str]:
        """Names, as written, of the options that ask for something."""
        return sorted(self.asked())


Text253 = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9.]+([eE]?[+-]?[0-9]+|[numkKMGTPE]i?)?$")]


class PodResources(BaseModel):
    """What a pod asks for and may use, as Kubernetes writes it."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    requests: dict[Text253, Quantity] = Field(default_factory=dict, max_length=20)
    limits: dict[Text253, Quantity] = Field(default_factory=dict, max_length=20)


class ServerPlacement(BaseModel):
    """Where the pods of a revision run, added to what the installation says; a laptop has no pods and ignores it."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    node_selector: dict[Text253, LabelValue] = Field(default_factory=dict, max_length=20)
    tolerations: list[dict[Text253, LabelValue | int]] = Field(default_factory=list, max_length=20)
    resources: PodResources = Field(default_factory=PodResources)
    runtime_class_name: Text253 | None = None
    image_pull_secrets: list[Text253] = Field(default_factory=list, max_length=20)
