"""Settings of where and how pipelines run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from millrace_controller.pipelines.work import Kind
from millrace_core.settings import WorkloadSettings

PIPELINE = Path(__file__).parents[4] / "pipelines" / "compiled" / "loop-run.yaml"
RUNNER_MB = 1024
"""MiB of its node's disk that a runner's pod may use."""


@dataclass(frozen=True)
class Pod:
    """What a pod of one kind of work is made of; *resources* as in a container, *scratch_mb* of its node's disk."""

    image: str
    service_account: str
    resources: dict[str, Any]
    scratch_mb: int


class PipelineSettings(WorkloadSettings):
    """The part of the controller's environment that its pipelines need."""

    pipeline: Path = PIPELINE
    """The compiled pipeline of a loop run, as this process sees it."""
    pending_seconds: float = Field(default=600, gt=0)
    """Seconds that a pipeline's pod may take to start, and that a Kubeflow run may stay PENDING."""
    shortage_seconds: float = Field(default=21_600, gt=0)
    """Seconds for which training's jobs wait for room; a pipeline that waits for one is not cut off before."""
    runner_image: str = ""
    """Image that runs a pipeline or one step of it: kfp, the SDK and the compiled pipelines."""
    runner_pipeline: str = "/opt/millrace/pipelines/compiled/loop-run.yaml"
    """The compiled pipeline of a loop run in the runner's image."""
    runner_service_account: str = "millrace-pipeline"
    """Service account of runner pods; it may nothing in the cluster, its token opens the platform."""
    runner_resources: dict[str, Any] = Field(
        default={"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    )
    """What a runner's pod asks for, as in a container: next to nothing, since its work is waiting for the services. The
    pod of a Kubeflow step asks for the same cpu and memory."""
    backtest_image: str = ""
    """Image that replays a history: the SDK, Arrow and onnxruntime."""
    backtest_service_account: str = "millrace-backtest"
    """Service account of its pod; like the runner's."""
    backtest_resources: dict[str, Any] = Field(
        default={"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "4Gi"}}
    )
    """What its pod asks for, as in a container; of a large history instants, labels and losses are in memory."""
    backtest_scratch_mb: int = Field(default=20_480, ge=64)
    """MiB of its node's disk that its pod may use: about four times a history's size; a larger one is refused."""
    kfp_url: str = ""
    """Kubeflow Pipelines' API, like http://ml-pipeline.kubeflow.svc:8888; `auto`: there, if it is; empty: without."""
    kfp_ui_url: str = ""
    """Address of its console as people's browsers know it, for links; empty: its Service's."""
    kfp_namespace: str = "kubeflow"
    """Namespace in which it is installed and in which its pods run."""
    kfp_service_account: str = "millrace-pipeline"
    """Service account of a step's pod in that namespace (k8s/kubeflow makes it)."""

    def pod(self, kind: Kind) -> Pod:
        """How the pod of one kind of work is made."""
        if kind == "backtest":
            return Pod(
                self.backtest_image,
                self.backtest_service_account,
                self.backtest_resources,
                self.backtest_scratch_mb,
            )
        return Pod(self.runner_image, self.runner_service_account, self.runner_resources, RUNNER_MB)
