"""An API server that answers what its RBAC says: who may do what with the ModelLoops of a namespace."""

from tests.core.fake_kubernetes import ApiServer


class Rbac(ApiServer):
    """`rules` are (user or group, namespace, verb) that are allowed; `reviewed` is every question."""

    def __init__(self):
        super().__init__()
        self.rules, self.reviewed, self.callers = set(), [], set()

    def answer(self, method, target, body, headers):
        self.callers.add(headers.get("authorization"))
        return super().answer(method, target, body, headers)

    def _do(self, method, path, query, sent):
        if method != "POST" or not path.endswith("/localsubjectaccessreviews"):
            return super()._do(method, path, query, sent)
        spec, asked = sent["spec"], sent["spec"]["resourceAttributes"]
        assert f"/namespaces/{asked['namespace']}/" in path
        assert (asked["group"], asked["resource"]) == ("millrace.dev", "modelloops")
        assert asked.get("subresource") == ("approval" if asked["verb"] == "approve" else None)
        self.reviewed.append((spec["user"], tuple(spec["groups"]), asked["namespace"], asked["verb"]))
        names = {spec["user"], *spec["groups"]}
        allowed = any((name, asked["namespace"], asked["verb"]) in self.rules for name in names)
        return 201, sent | {"status": {"allowed": allowed}}
