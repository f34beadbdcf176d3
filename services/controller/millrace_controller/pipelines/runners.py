"""The ways of running pipelines that this controller has, and which one a new attempt takes."""

from functools import cached_property

from fastapi import FastAPI

from millrace_controller.pipelines.attempts import Runner
from millrace_controller.pipelines.detection import Detection, address
from millrace_controller.pipelines.job import JobRunner
from millrace_controller.pipelines.kubeflow import KubeflowPipelines
from millrace_controller.pipelines.process import ProcessRunner
from millrace_controller.pipelines.settings import PipelineSettings
from millrace_controller.pipelines.submission import KubeflowRunner
from millrace_core.errors import Unavailable


class Runners:
    """By name, as handles remember them: process, job, kubeflow."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.settings: PipelineSettings = app.state.settings
        self.client = KubeflowPipelines(address(self.settings))
        self.detection = Detection(app, self.client)
        self.process = ProcessRunner(app)
        self.kubeflow = KubeflowRunner(self.settings, self.client)

    @cached_property
    def job(self) -> JobRunner:
        if self.app.state.cluster is None:
            raise Unavailable("Pipelines run as Jobs here, and there is no Kubernetes cluster.")
        return JobRunner(self.settings, self.app.state.cluster)

    def __getitem__(self, name: str) -> Runner:
        known: Runner = getattr(self, name)
        return known

    async def choose(self) -> Runner:
        """Where a new attempt runs. Raises: Unavailable if the Kubeflow Pipelines that were asked for are not there."""
        found = await self.detection.finding()
        if found.usable:
            return self.kubeflow
        if self.settings.kfp_url not in ("", "auto"):
            raise Unavailable(f"Kubeflow Pipelines cannot be used: {found.detail}.")
        return self.beside()

    def beside(self) -> JobRunner | ProcessRunner:
        """Where work runs that is no Kubeflow run."""
        return self.job if self.settings.platform == "kubernetes" else self.process

    async def close(self) -> None:
        await self.client.close()
