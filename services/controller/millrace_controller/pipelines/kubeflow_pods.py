"""Why the pods of a Kubeflow run do not start, or why one failed: Kubeflow itself tells states and no more."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from millrace_core.errors import MillraceError
from millrace_core.waiting import LONGEST, Part, PodWaiting, of_pod, told

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

RUN = "pipeline/runid"
"""Label of a run's workflow and of all its pods."""
ARGO = "argoproj.io/v1alpha1"
SECONDS = 5.0


class RunPods:
    """The pods of Kubeflow runs in one namespace; each run's are looked at every few seconds at most.

    `blind` says why they cannot be seen, if they cannot: the permissions of k8s/kubeflow may be missing.
    """

    def __init__(
        self, cluster: "Cluster", namespace: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cluster, self.namespace, self.clock, self.blind = cluster, namespace, clock, ""
        self._known: dict[str, tuple[float, PodWaiting | None]] = {}

    async def waiting(self, run: str) -> PodWaiting | None:
        """What keeps a pod of the run with this id from starting; None: nothing is known to."""
        now = self.clock()
        self._known = {id: seen for id, seen in self._known.items() if now - seen[0] < SECONDS}
        if run not in self._known:
            self._known[run] = (now, await self._look(run))
        return self._known[run][1]

    async def _look(self, run: str) -> PodWaiting | None:
        try:
            pods = await self.cluster.list("Pod", self.namespace, labels=f"{RUN}={run}")
            found = next(filter(None, map(_of_pending, pods)), None) or await self._of_workflow(run)
        except MillraceError as error:
            self.blind = error.detail
            return None
        self.blind = ""
        return found

    async def _of_workflow(self, run: str) -> PodWaiting | None:
        """Why a pod was not even made, like a quota: the workflow controller notes that on its step."""
        nodes = await self._steps(run)
        messages = (node.get("message", "") for node in nodes if node.get("phase") == "Pending")
        return next((told("Forbidden", message) for message in messages if "forbidden" in message), None)

    async def failure(self, run: str) -> str:
        """What the workflow controller noted of the last pod that failed; empty: nothing is known of it.

        Kubeflow's API keeps no such words.
        """
        try:
            nodes = [node for node in await self._steps(run) if _failed_pod(node)]
        except MillraceError:
            return ""
        nodes.sort(key=lambda node: str(node.get("finishedAt") or ""))
        return " ".join(nodes[-1]["message"].split())[:LONGEST] if nodes else ""

    async def _steps(self, run: str) -> list[Part]:
        """The nodes of a run's workflow."""
        flows = await self.cluster.list(
            "Workflow", self.namespace, labels=f"{RUN}={run}", api_version=ARGO, keep=_nodes
        )
        return [node for flow in flows for node in flow["nodes"].values()]


def _of_pending(pod: Part) -> PodWaiting | None:
    return of_pod(pod) if pod.get("status", {}).get("phase", "Pending") == "Pending" else None


def _failed_pod(node: Part) -> bool:
    failed = node.get("type") == "Pod" and node.get("phase") in ("Failed", "Error")
    return failed and bool(node.get("message"))


def _nodes(flow: dict[str, object]) -> dict[str, object]:
    """Of a workflow, which is long, its steps alone."""
    status = flow.get("status")
    return {"nodes": (status.get("nodes") if isinstance(status, dict) else None) or {}}
