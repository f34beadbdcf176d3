"""What the platform found around it."""

from typing import Literal

from pydantic import BaseModel, Field


class Capability(BaseModel):
    """One thing that may be there."""

    found: bool | None = Field(description="Whether it is there; null if that could not be found out.")
    used: bool = Field(description="Whether Millrace uses it now, or would if asked to.")
    detail: str = Field(description="What it is used for, or why it is not.")


class CapabilitiesRead(BaseModel):
    """What the platform found around it."""

    platform: Literal["laptop", "kubernetes"]
    pipelines: Literal["process", "job", "kubeflow"] = Field(description="Where the next loop run goes.")
    kubeflow_pipelines: Capability
    kuberay: Capability
    kueue: Capability
    gpu: Capability
    prometheus_operator: Capability
    gateway_api: Capability
