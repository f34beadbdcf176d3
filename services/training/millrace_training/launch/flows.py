"""Which pods of one attempt may talk to one another: those of its own RayJob, and nobody else's. Pure.

A NetworkPolicy cannot say "of the same project": so each RayJob has one of its own, which goes with it.
"""

from millrace_core.pods import PREFIX, Part

API = "networking.k8s.io/v1"
MINE = (
    "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
    f"{PREFIX}/project", f"{PREFIX}/job", f"{PREFIX}/attempt",
)  # fmt: skip
"""Labels that all pods of an attempt have, and no other pod has all of."""


def policy(work: Part) -> Part:
    """The NetworkPolicy for a RayJob as the cluster has it; it ends with that."""
    meta = work["metadata"]
    mine = {name: meta["labels"][name] for name in MINE}
    ours = [{"podSelector": {"matchLabels": mine}}]
    owner = {"apiVersion": work["apiVersion"], "kind": work["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": API,
        "kind": "NetworkPolicy",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": mine,
            "ownerReferences": [owner],
        },
        "spec": {
            "podSelector": {"matchLabels": mine},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": ours}],
            "egress": [{"to": ours}],
        },
    }
