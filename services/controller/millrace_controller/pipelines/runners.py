"""The ways of running pipelines that this controller has, and which one a new attempt takes."""

from functools import cached_property
from typing import TYPE_CHECKING

from millrace_controller.changes import Changes
from millrace_controller.pipelines.attempts import Runner
from millrace_controller.pipelines.detection import Detection, address
from millrace_controller.pipelines.job import JobRunner
from millrace_controller.pipelines.kubeflow import KubeflowPipelines
from millrace_controller.pipelines.kubeflow_pods import RunPods
from millrace_controller.pipelines.process import ProcessRunner
from millrace_controller.pipelines.settings import PipelineSettings
from millrace_controller.pipelines.submission import KubeflowRunner
from millrace_core.errors import Unavailable

if TYPE_CHECKING:
    from millrace_controller.pipelines.inside import InsideRunner
    from millrace_core.kubernetes import Cluster


class Runners:
    """By name, as handles remember them: process, job, kubeflow, inside."""

    def __init__(self, settings: PipelineSettings, cluster: "Cluster | None", changes: Changes) -> None:
        self.settings, self.cluster, self.changes = settings, cluster, changes
        self.client = KubeflowPipelines(address(settings))
        self.detection = Detection(settings, cluster, self.client)
        self.process = ProcessRunner(settings, changes)
        self.kubeflow = KubeflowRunner(
            settings, self.client, None if cluster is None else RunPods(cluster, settings.kfp_namespace)
        )

    @cached_property
    def inside(self) -> "InsideRunner":
        """The one of a replay, whose services are all in this process."""
        from millrace_controller.pipelines.inside import InsideRunner

        return InsideRunner(self.changes)

    @cached_property
    def job(self) -> JobRunner:
        if self.cluster is None:
            raise Unavailable("Pipelines run as Jobs here, and there is no Kubernetes cluster.")
        return JobRunner(self.settings, self.cluster)

    def __getitem__(self, name: str) -> Runner:
        known: Runner = getattr(self, name)
        return known

    async def choose(self) -> Runner:
        """Where a new attempt runs. Raises: Unavailable if the Kubeflow Pipelines that were asked for are not there."""
        if self.settings.inside:
            return self.inside
        found = await self.detection.finding()
        if found.usable:
            return self.kubeflow
        if self.settings.kfp_url not in ("", "auto"):
            raise Unavailable(f"Kubeflow Pipelines cannot be used: {found.detail}.")
        return self.beside()

    def worker(self, name: str) -> JobRunner | ProcessRunner:
        """The one of this *name*, of those that do any work."""
        return self.job if name == "job" else self.process

    def beside(self) -> JobRunner | ProcessRunner:
        """Where work runs that is no Kubeflow run."""
        return self.job if self.settings.platform == "kubernetes" else self.process

    async def close(self) -> None:
        """Look at nothing any more; what runs goes on."""
        self.process.close()
        await self.client.close()
