"""Whose an object made at run time is: its pods' ServiceAccount, with which an installation's removal takes it away."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

Manifest = dict[str, Any]


async def owner(cluster: "Cluster", account: str, namespace: str) -> Manifest | None:
    """The ServiceAccount *account* as an owner reference; None if there is no such account."""
    holder = await cluster.get("ServiceAccount", account, namespace)
    if holder is None:
        return None
    metadata = holder["metadata"]
    return {"apiVersion": "v1", "kind": "ServiceAccount", "name": metadata["name"], "uid": metadata["uid"]}


async def owned(cluster: "Cluster", manifest: Manifest, account: str, namespace: str) -> Manifest:
    """*manifest*, owned by the ServiceAccount if that is there."""
    mine = await owner(cluster, account, namespace)
    if mine is None:
        return manifest
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [mine]}}
