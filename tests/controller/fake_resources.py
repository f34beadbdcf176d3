"""A stand-in for the API server's ModelLoops: what the operator reads and writes there, and nothing more."""

import copy
import itertools

from millrace_core.errors import NotFound, Unavailable


class Resources:
    """ModelLoops by (namespace, name), their events, and how often a status was written."""

    def __init__(self):
        self.items, self.events, self.patches, self.down = {}, [], 0, False
        self.uids = itertools.count(1)

    def apply(self, name="sales", namespace="team-a", **spec):
        """What `kubectl apply` does; the generation grows with the spec."""
        old = self.items.get((namespace, name))
        least = {"task": "regression", "target": "y", "data": {"dataset": name, "eventTime": "at"}}
        spec = least | spec
        if old is not None and old["spec"] != spec:
            old["spec"] = spec
            old["metadata"]["generation"] += 1
        if old is None:
            meta = {"name": name, "namespace": namespace, "uid": f"uid-{next(self.uids)}", "generation": 1}
            old = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": meta, "spec": spec}
            self.items[namespace, name] = old
        return copy.deepcopy(old)

    def delete(self, name="sales", namespace="team-a"):
        return self.items.pop((namespace, name))

    def status(self, name="sales", namespace="team-a"):
        return self.items[namespace, name].get("status", {})

    def condition(self, kind, name="sales", namespace="team-a"):
        conditions = self.status(name, namespace)["conditions"]
        return next(item for item in conditions if item["type"] == kind)

    def reasons(self, warning=None):
        return [item[1] for item in self.events if warning is None or item[3] == warning]

    async def list(self, kind, namespace=None, labels="", api_version="v1", fields="", keep=dict, page=500):
        assert (kind, api_version) == ("ModelLoop", "millrace.dev/v1alpha1")
        if self.down:
            raise Unavailable("The API server does not answer.")
        found = [item for (space, _), item in self.items.items() if namespace in (None, space)]
        return [keep(copy.deepcopy(item)) for item in found]

    async def patch_status(self, kind, name, namespace, api_version, status):
        if self.down:
            raise Unavailable("The API server does not answer.")
        if (namespace, name) not in self.items:
            raise NotFound("It is gone.")
        self.patches += 1
        item = self.items[namespace, name]
        item["status"] = merged(item.get("status"), copy.deepcopy(status))

    async def event(self, about, reason, message, warning=False):
        self.events.append((about["metadata"]["name"], reason, message, warning))

    async def serves(self, group_version, kind):
        return False


def merged(target, patch):
    """A JSON merge patch, as RFC 7386 says."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made
