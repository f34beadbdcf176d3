"""Whether Kubeflow Pipelines is there and prepared for Millrace; asked at most once a minute."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millrace_controller.pipelines.kubeflow import KubeflowPipelines, Refused
from millrace_controller.pipelines.settings import PipelineSettings
from millrace_core.errors import MillraceError, Unavailable

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

SECONDS = 60.0
PORT = 8888


@dataclass(frozen=True)
class PodFinding:
    """*found*: it answers. *usable*: loop runs go there. *detail*: why, or why not."""

    found: bool
    usable: bool
    detail: str


class Detection:
    """Looks for Kubeflow Pipelines as MILLRACE_KFP_URL says."""

    def __init__(
        self, settings: PipelineSettings, cluster: "Cluster | None", client: KubeflowPipelines
    ) -> None:
        self.settings, self.cluster, self.client = settings, cluster, client
        self._known: tuple[float, PodFinding] | None = None

    async def finding(self) -> PodFinding:
        """What there is; a finding holds for a minute."""
        if self._known is None or time.monotonic() - self._known[0] > SECONDS:
            self._known = (time.monotonic(), await self._find())
        return self._known[1]

    async def _find(self) -> PodFinding:
        if not self.settings.kfp_url:
            return PodFinding(False, False, "MILLRACE_KFP_URL is empty")
        if self.settings.kfp_url == "auto" and self.cluster is None:
            return PodFinding(False, False, "looked for on Kubernetes only")
        try:
            health = await self.client.health()
        except (Unavailable, Refused) as error:
            return PodFinding(False, False, error.detail)
        if health.get("multi_user"):
            return PodFinding(True, False, "its multi-user mode is not supported")
        if self.settings.kfp_url != "auto":
            return PodFinding(True, True, f"loop runs go to {self.client.url}")
        return await self._prepared()

    async def _prepared(self) -> PodFinding:
        """Found by itself, it is used only if its namespace has the account with which steps show who they are."""
        name, namespace = self.settings.kfp_service_account, self.settings.kfp_namespace
        why = "there is none"
        assert self.cluster is not None
        try:
            account = await self.cluster.get("ServiceAccount", name, namespace)
        except MillraceError as error:
            account, why = None, error.detail
        if account is None:
            words = f"not used, since its namespace {namespace} has no service account {name} ({why})"
            return PodFinding(True, False, f"{words}; apply k8s/kubeflow")
        return PodFinding(True, True, f"loop runs go to {self.client.url}")


def address(settings: PipelineSettings) -> str:
    """Where its API is or would be."""
    if settings.kfp_url in ("", "auto"):
        return f"http://ml-pipeline.{settings.kfp_namespace}.svc:{PORT}"
    return settings.kfp_url
