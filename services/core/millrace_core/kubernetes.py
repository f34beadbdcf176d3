"""The Kubernetes API as Millrace uses it, plain dicts and our own errors; the only importer of `kubernetes`."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from millrace_core.errors import BadInput, Conflict, Forbidden, MillraceError, NotFound, Unavailable

Manifest = dict[str, Any]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
MANAGER = "millrace"
TIMEOUT = (3.0, 20.0)
"""Seconds to connect to the API server, and to wait for an answer."""
THREADS = 8
"""Calls at a time: a server that does not answer must not hold the threads that others need."""
PAGE = 500
KNOWN_SECONDS = 60.0
"""How long the list of what a group version serves is believed."""
UNTYPED = "failed to create typed patch object"
"""Said, with status 500, of an applied object with a value of the wrong type."""
APPLY, MERGE, JSON = "application/apply-patch+yaml", "application/merge-patch+json", "application/json"


class _Expired(Unavailable):
    """The pages of a list are too old to be continued."""


class Cluster:
    """One API server. Every call runs in one of a few threads.

    Raises, from every call: Unavailable if the server does not answer or is overloaded; Forbidden; Conflict;
    NotFound for a kind it does not serve; BadInput for an object that it refuses.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(THREADS, "kubernetes")
        self._known: dict[str, tuple[float, dict[str, tuple[str, bool]]]] = {}

    @classmethod
    def here(cls) -> "Cluster":
        """The cluster that this process runs in, else the one of KUBECONFIG. Raises: Unavailable if there is none."""
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            if ACCOUNT.exists():
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(client_configuration=configuration)
        except config.ConfigException as error:
            raise Unavailable(f"There is no Kubernetes cluster here: {error}.") from error
        configuration.retries, configuration.connection_pool_maxsize = False, THREADS
        return cls(client.ApiClient(configuration))

    @staticmethod
    def available() -> bool:
        """Whether this process is told of a cluster: by a mounted token, or by KUBECONFIG."""
        return ACCOUNT.exists() or bool(os.environ.get("KUBECONFIG"))

    async def apply(
        self, manifest: Manifest, namespace: str | None = None, manager: str = MANAGER
    ) -> Manifest:
        """Server-side apply as the field manager *manager*, also over fields of others."""
        path = await self._path(
            manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"]
        )
        query = {"fieldManager": manager, "force": "true"}
        return await self._call("PATCH", path, query, manifest, APPLY)

    async def create(self, manifest: Manifest, namespace: str | None = None) -> Manifest:
        """Make an object. Raises: Conflict if there is one of that name."""
        path = await self._path(manifest["apiVersion"], manifest["kind"], namespace)
        return await self._call("POST", path, {"fieldManager": MANAGER}, manifest)

    async def get(
        self, kind: str, name: str, namespace: str | None = None, api_version: str = "v1"
    ) -> Manifest | None:
        """The object, or None if there is none, or its kind is not served."""
        try:
            return await self._call("GET", await self._path(api_version, kind, namespace, name))
        except NotFound:
            return None

    async def list(
        self,
        kind: str,
        namespace: str | None = None,
        labels: str = "",
        api_version: str = "v1",
        fields: str = "",
        keep: Callable[[Manifest], Manifest] = lambda item: item,
        page: int = PAGE,
    ) -> list[Manifest]:
        """All objects that match the selectors, from every page; in all namespaces without *namespace*.

        Args:
            keep: what is kept of each object, so that a long list of long objects need not be held whole.
            page: objects that are held at a time.
        """
        path = await self._path(api_version, kind, namespace)
        query = {"limit": str(page), "labelSelector": labels, "fieldSelector": fields}
        query = {name: value for name, value in query.items() if value}

        def kept(item: Manifest) -> Manifest:
            return keep({"apiVersion": api_version, "kind": kind} | item)

        try:
            return [kept(item) async for item in self._items(path, query)]
        except _Expired:
            return [kept(item) async for item in self._items(path, query)]

    async def _items(self, path: str, query: dict[str, str]) -> AsyncIterator[Manifest]:
        while True:
            page = await self._call("GET", path, query)
            for item in page.get("items") or []:
                yield item
            more = page.get("metadata", {}).get("continue")
            if not more:
                return
            query = query | {"continue": more}

    async def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        api_version: str = "v1",
        foreground: bool = False,
    ) -> bool:
        """Delete an object and what it owns; False if it is gone already.

        Args:
            foreground: it stays until everything it owns is gone.
        """
        how = {"propagationPolicy": "Foreground" if foreground else "Background"}
        try:
            await self._call("DELETE", await self._path(api_version, kind, namespace, name), how)
        except NotFound:
            return False
        return True

    async def patch_status(
        self, kind: str, name: str, namespace: str | None, api_version: str, status: Manifest
    ) -> Manifest:
        """Merge *status* into the object's status. Raises: NotFound if the object is gone."""
        path = await self._path(api_version, kind, namespace, name) + "/status"
        return await self._call("PATCH", path, {"fieldManager": MANAGER}, {"status": status}, MERGE)

    async def event(self, about: Manifest, reason: str, message: str, warning: bool = False) -> None:
        """Tell people something about an object; `kubectl describe` shows it."""
        meta, now = about["metadata"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = meta.get("namespace") or "default"
        involved = {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": meta["name"],
                    "namespace": namespace, "uid": meta.get("uid", "")}  # fmt: skip
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name'][:200]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message[:1000],
            "type": "Warning" if warning else "Normal",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": MANAGER},
            "reportingComponent": f"millrace.dev/{MANAGER}",
        }
        await self.create(event, namespace)

    async def log(self, pod: str, namespace: str, container: str | None = None, lines: int = 50) -> str:
        """The last lines of a container's log. Raises: NotFound if the pod is gone."""
        path = await self._path("v1", "Pod", namespace, pod) + "/log"
        query = {"tailLines": str(lines)} | ({"container": container} if container else {})
        return str(await self._run("GET", path, query, None, JSON, True))

    async def serves(self, group_version: str, kind: str) -> bool:
        """Whether the API server has *kind* in *group_version*, like `ray.io/v1` and `RayJob`."""
        return kind in await self._kinds(group_version)

    async def _path(self, version: str, kind: str, namespace: str | None, name: str | None = None) -> str:
        """URL path of a collection or an object. Raises: NotFound for a kind that is not served."""
        kinds = await self._kinds(version)
        if kind not in kinds:
            raise NotFound(f"The cluster has no {kind} in {version}.")
        plural, namespaced = kinds[kind]
        place = f"/namespaces/{quote(namespace, safe='')}" if namespaced and namespace else ""
        return f"{_root(version)}{place}/{plural}" + (f"/{quote(name, safe='')}" if name else "")

    async def _kinds(self, version: str) -> dict[str, tuple[str, bool]]:
        """Plural and scope by kind; nothing for a group version that is not served."""
        at, kinds = self._known.get(version, (0.0, {}))
        if not kinds or time.monotonic() > at + KNOWN_SECONDS:
            try:
                listing = await self._call("GET", _root(version))
            except NotFound:
                listing = {"resources": []}
            plain = [item for item in listing["resources"] if "/" not in item["name"]]
            kinds = {item["kind"]: (item["name"], item["namespaced"]) for item in plain}
            self._known[version] = (time.monotonic(), kinds)
        return kinds

    async def _call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, kind: str = JSON
    ) -> Manifest:
        answer: Manifest = await self._run(method, path, query or {}, body, kind)
        return answer

    async def _run(self, *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._request, *given)

    def _request(
        self, method: str, path: str, query: dict[str, str], body: Any, kind: str, raw: bool = False
    ) -> Any:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json, */*", "Content-Type": kind}
        try:
            answer = self._client.call_api(
                path, method, query_params=list(query.items()), header_params=headers, body=body,
                response_type=None if raw else "object", auth_settings=["BearerToken"],
                _return_http_data_only=True, _preload_content=not raw, _request_timeout=TIMEOUT,
            )  # fmt: skip
            return answer.data.decode(errors="replace") if raw else answer
        except ApiException as error:
            raise _told(error) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(
                f"The Kubernetes API server does not answer: {type(error).__name__}."
            ) from error


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _told(error: Any) -> MillraceError:
    """Our error for an answer of the API server, with its own words."""
    try:
        words = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        words = str(error.reason)
    text = f"Kubernetes says: {str(words)[:500]}"
    kinds: dict[int, type[MillraceError]] = {
        400: BadInput,
        422: BadInput,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        410: _Expired,
    }
    if UNTYPED in text:
        return BadInput(text)
    return kinds.get(error.status, Unavailable)(text)
