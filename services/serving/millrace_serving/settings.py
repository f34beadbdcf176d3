"""Settings of serving: ports, binaries and the patience it has with Triton and Envoy."""

import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic.alias_generators import to_camel

from millrace_core.settings import WorkloadSettings


class Scaling(BaseModel):
    """How a HorizontalPodAutoscaler scales each revision, on the time that requests wait in Triton."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    kind: Literal["hpa"] = "hpa"
    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=4, ge=1)
    queue_milliseconds: float = Field(default=5.0, gt=0)
    """Average time in Triton's queue that is aimed at."""


class Standby(BaseModel):
    """The pod in which a project's versions without traffic sit together."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    kind: Literal["shared"] = "shared"
    versions: int = Field(default=64, ge=1, le=1024)
    """Most versions of a project that are loaded in it; the others are loaded when somebody goes back to them."""
    mebibytes: int = Field(default=96, ge=16, le=65536)
    """Memory that a loaded version asks for beside that for its graph, in MiB; it may take twice all of that."""
    most_mebibytes: int = Field(default=8192, ge=64, le=1048576)
    """Most memory, in MiB, that the versions in one shared pod ask for together."""
    replicas: int = Field(default=2, ge=1, le=10)
    """Pods of a shared pod from which a version that serves answers; where only archived ones sit, there is one."""
    idle_minutes: float = Field(default=0, ge=0)
    """A version that serves moves there too, once nobody asked it for so long; 0: never, unless its loop says so."""


class Engines(BaseModel):
    """Where TensorRT engines are built and kept, and for which nodes; they fit no others."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    claim: str = Field(min_length=1, max_length=253)
    """PersistentVolumeClaim in the workloads' namespace that jobs write and the revisions' pods read."""
    image: str = Field(min_length=1, max_length=500)
    """Image with `trtexec`, of the TensorRT that Triton's image has."""
    gpu: str = Field(min_length=1, max_length=63)
    """The nodes' label nvidia.com/gpu.product."""
    driver: str = Field(min_length=1, max_length=63)
    """The nodes' label nvidia.com/cuda.driver-version.full."""
    tensorrt: str = Field(min_length=1, max_length=63)
    seconds: int = Field(default=3600, ge=60, le=86400)
    """Longest time that a build may take; then the revision serves without it."""


def _resources() -> dict[str, dict[str, str | int | float]]:
    return {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}


class ServingSettings(WorkloadSettings):
    """Environment of the serving service."""

    service: str = "serving"
    data_plane: bool = True
    """Run Triton and Envoy. False: only endpoints of mode `backtest` are accepted."""
    triton_environment: Path = Field(default_factory=lambda: Path(sys.prefix) / "triton")
    """Virtual environment with numpy 1.26, onnxruntime and the files of nvidia-pytriton."""
    envoy_binary: Path = Field(default_factory=lambda: Path(sys.prefix) / "bin" / "envoy")
    """The `envoy` command."""
    gateway_port: int = 0
    """Port of the inference gateway; 0: choose one and keep it."""
    shadow_port: int = 0
    """Port of the gateway's loopback listener for mirrored requests; 0: choose one and keep it."""
    envoy_admin_port: int = 0
    """Port of Envoy's admin page, on loopback; 0: choose one and keep it."""
    triton_port: int = 0
    """Triton's HTTP port, on loopback; 0: choose one and keep it."""
    triton_metrics_port: int = 0
    """Triton's metrics port, on loopback; 0: choose one and keep it."""
    otlp_port: int = 4317
    """Port of monitoring's OTLP receiver, where Envoy sends the prediction log."""
    gateway_token: SecretStr = SecretStr("")
    """Envoy's own bearer token (role `gateway`): it reads discovery and writes prediction logs with it."""
    log_flush_seconds: float = 0.1
    """Longest time that Envoy keeps a prediction log record before it sends it."""
    gateway_memory: int = 2**30
    """Bytes of memory that the gateway may take."""
    gateway_public: bool = False
    """Answer inference requests of anybody who reaches the gateway, without a key."""
    grpc: bool = False
    """Take the Open Inference Protocol over gRPC too, in a cluster; a laptop refuses it and says why."""
    triton_threads: int = 4
    """Threads of Triton's HTTP front end."""
    triton_instances: int = 1
    """Instances of each revision; every one is a process of about 70 MB."""
    max_batch_rows: int = 1024
    """Most rows in one inference request."""
    load_seconds: float = 60.0
    """Longest time that Triton may take to load one revision."""
    probe_seconds: float = 3.0
    """Seconds between two real one-row inferences on every loaded revision."""
    inference_seconds: float = 5.0
    """Longest time for one inference request through the gateway."""
    slow_milliseconds: float = 1000.0
    """Requests slower than this count as slow when a rollout is judged."""
    form_seconds: float = 20.0
    """Seconds between two looks at whether another form of a version would be faster."""
    safety_seconds: float = 3.0
    """Seconds between two looks at the hard faults of a rollout in flight."""
    accept_seconds: float = 10.0
    """Longest wait for Envoy to accept a configuration before a change is reported as not accepted."""
    connection_retries: int = 3
    """How often Envoy tries a request again that met no Triton."""
    retry_on: str = "connect-failure,refused-stream,reset-before-request"
    """What Envoy tries again, in its own words; `reset` would also repeat a request that killed a Triton."""
    public_url: str = ""
    """URL at which clients reach the gateway; empty: the gateway's own address."""
    pod_name: str = ""
    """Name of this pod; a gateway is known by it."""
    gateway_service: str = ""
    """Headless Service whose pods are the gateways; empty: <release>-gateway-pods."""
    serving_image: str = ""
    """Image of serving; its Triton pods fetch their graph with it."""
    triton_image: str = ""
    """Image of Triton."""
    triton_backend: Literal["python", "onnxruntime"] = "python"
    """How Triton runs a graph: `python`, as on a laptop, or `onnxruntime`, as in NVIDIA's image."""
    triton_replicas: int = Field(default=1, ge=1, le=100)
    """Pods of each revision, when nothing scales them."""
    triton_resources: dict[str, dict[str, str | int | float]] = Field(default_factory=_resources)
    """Resources of a Triton pod, as Kubernetes writes them."""
    triton_service_account: str = ""
    """ServiceAccount of the Triton pods, which also owns them; empty: <release>-triton."""
    triton_autoscaling: Scaling | None = None
    """How many pods a revision has by its load (JSON); empty: always *triton_replicas*."""
    autoscaler: bool = False
    """Whether an adapter of this installation tells the API server requests in flight: loops may be scaled by them."""
    scale_down_seconds: int = Field(default=300, ge=0, le=3600)
    """For how long less load must call for fewer pods before pods go."""
    triton_standby: Standby | None = None
    """Where versions without traffic sit together (JSON); empty: each keeps a pod of its own."""
    triton_runtimes: dict[str, str] = Field(default_factory=dict)
    """Versions of the runtimes in Triton's image by name, like onnxruntime; without them every node is unknown."""
    triton_engines: Engines | None = None
    """Where TensorRT engines are built and kept (JSON); empty: none are, and forms for TensorRT are not served."""
    measure_forms: bool = True
    """In a cluster, measure a form by a Job on a node of a kind where it never was."""
    measure_seconds: int = Field(default=600, ge=60, le=86400)
    """Longest time of such a Job, with what its pod waits for."""
    measure_patience_seconds: float = 300.0
    """How long such a Job waits for training jobs on its node to end, before it measures beside them."""
    runtime_class: str = ""
    """RuntimeClass of Triton's pods; empty: the node's own."""
    pod_seconds: float = 300.0
    """Longest time until all pods of a new revision answer; then its rollout is aborted with what they lack."""
    drain_seconds: int = Field(default=15, ge=0, le=600)
    """Seconds that a Triton pod goes on after it is told to end, until every gateway has left it."""

    @field_validator("triton_autoscaling", "triton_engines", "triton_standby", mode="before")
    @classmethod
    def _nothing(cls, value: Any) -> Any:
        return None if value == "" else value
