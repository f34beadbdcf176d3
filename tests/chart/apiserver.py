"""Stands in for the API server that Helm asks when a template looks something up: the same Helm, the same templates.

It knows the objects it is given, by their kind, namespace and name, and can forbid kinds. Helm's other questions
(versions, kinds) are answered from the same table.
"""

import functools
import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from tests.chart.rendering import CHART, Object, Refused, case_objects
from tests.chart.tools import helm

LOOKED_UP = (("rbac.authorization.k8s.io/v1", "ClusterRole"), ("rbac.authorization.k8s.io/v1", "Role"),
             ("v1", "PersistentVolumeClaim"), ("storage.k8s.io/v1", "StorageClass"))  # fmt: skip
"""What the chart's templates ask for; what it makes is known too."""
UNSPACED = ("Cluster", "Storage")
"""Beginnings of kinds that no namespace holds."""


@functools.cache
def _kinds() -> dict[tuple[str, str], str]:
    """Names in a path by version and kind, of everything that the chart makes or looks up."""
    made = {(found["apiVersion"], found["kind"]) for found in case_objects("default")}
    return {(version, kind): _plural(kind.lower()) for version, kind in made | set(LOOKED_UP)}


def _plural(name: str) -> str:
    return name[:-1] + "ies" if name.endswith("y") else name + ("es" if name.endswith("s") else "s")


class _Server(ThreadingHTTPServer):
    objects: Sequence[Object] = ()
    forbidden: Sequence[str] = ()


class _Answers(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        status, body = self._found(self.path.partition("?")[0].strip("/").split("/"))
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def _found(self, path: list[str]) -> tuple[int, Object]:
        if path == ["version"]:
            return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == ["api"]:
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == ["apis"]:
            return 200, _groups()
        version, rest = (path[1], path[2:]) if path[0] == "api" else ("/".join(path[1:3]), path[3:])
        if not rest:
            return 200, _resources(version)
        return self._held(version, rest)

    def _held(self, version: str, rest: list[str]) -> tuple[int, Object]:
        """One object, or a list of them."""
        namespace, rest = (rest[1], rest[2:]) if rest[0] == "namespaces" else (None, rest)
        kind = next(
            (name for (of, name), plural in _kinds().items() if (of, plural) == (version, rest[0])), None
        )
        if kind in self.server.forbidden:
            return 403, _failure("Forbidden", 403, f"{rest[0]} is forbidden: you may not list it")
        found = [
            item
            for item in self.server.objects
            if item["kind"] == kind and namespace in (None, item["metadata"].get("namespace"))
        ]
        if len(rest) == 1:
            return 200, {"kind": f"{kind}List", "apiVersion": version, "items": found}
        named = [item for item in found if item["metadata"]["name"] == rest[1]]
        return (200, named[0]) if named else (404, _failure("NotFound", 404, f"no {rest[1]}"))

    def log_message(self, *_: object) -> None:
        pass


def _failure(reason: str, code: int, message: str) -> Object:
    head = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return head | {"reason": reason, "code": code, "message": message}


def _groups() -> Object:
    versions = sorted({version for version, _ in _kinds() if "/" in version})
    groups = [
        {"name": name.partition("/")[0], "versions": [_version(name)], "preferredVersion": _version(name)}
        for name in versions
    ]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _version(name: str) -> Object:
    return {"groupVersion": name, "version": name.partition("/")[2]}


def _resources(version: str) -> Object:
    held = [
        {
            "name": plural,
            "kind": kind,
            "namespaced": not kind.startswith(("Cluster", "Storage")),
            "verbs": ["get", "list"],
        }
        for (of, kind), plural in _kinds().items()
        if of == version
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": held}


@contextmanager
def _serving(objects: Sequence[Object], forbidden: Sequence[str]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Answers)
    server.objects, server.forbidden = objects, forbidden
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _kubeconfig(url: str) -> Object:
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    named: Object = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
    return {"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [context]} | named


def render(
    folder: Path,
    objects: Sequence[Object],
    *arguments: str,
    release: str = "millrace",
    namespace: str = "millrace",
    forbidden: Sequence[str] = (),
) -> list[Object]:
    """What the chart makes in a cluster that has *objects*. Raises: Refused."""
    with _serving(objects, forbidden) as url:
        config = folder / "kubeconfig"
        named: Object = {"clusters": [{"name": "c", "cluster": {"server": url}}], "users": [{"name": "u", "user": {}}],
                         "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}  # fmt: skip
        config.write_text(
            yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x"} | named)
        )
        command = [str(helm()), "template", release, str(CHART), "--namespace", namespace, "--dry-run=server",
                   "--disable-openapi-validation", "--kubeconfig", str(config), *arguments]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return [found for found in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if found]
