"""Options that a loop declares and that the present environment cannot honour: said, never silently left out."""

from typing import Any

from fastapi import FastAPI

from millrace.placement import Placement
from millrace_controller.capabilities.finding import PARTS
from millrace_controller.tables import Loop
from millrace_core.errors import Unavailable


def ignored(loop: Loop, cluster: bool, kueue: bool) -> list[str]:
    """A sentence for each option of *loop* that is not honoured.

    Args:
        cluster: whether there is a Kubernetes cluster beneath.
        kueue: whether Kueue is installed in it.
    """
    spec: dict[str, Any] = loop.document["spec"]
    told = []
    placement = Placement.model_validate(spec.get("placement") or {})
    if not cluster and placement.chosen():
        told.append(f"placement ({', '.join(placement.chosen())}) needs a cluster; here jobs are processes.")
    if cluster and placement.queue and not kueue:
        told.append(f"placement.queue: Kueue is not installed, so nothing waits in {placement.queue}.")
    if loop.owner is not None and spec["data"].get("source") is not None:
        told.append(
            "data.source: only 'millrace apply' can upload a file beside the document; "
            f"push it with 'millrace data push {loop.name} {spec['data']['source']['path']}'."
        )
    return told


async def surroundings(app: FastAPI) -> dict[str, bool]:
    """What `ignored` has to know of the environment."""
    cluster = app.state.settings.platform == "kubernetes"
    return {"cluster": cluster, "kueue": app.state.cluster is None or await _serves(app)}


async def _serves(app: FastAPI) -> bool:
    """Whether Kueue is installed; an API server that does not answer is given the benefit of the doubt."""
    try:
        versions, kind, _ = PARTS["kueue"]
        found = [await app.state.cluster.serves(version, kind) for version in versions]
        return any(found)
    except Unavailable:
        return True
