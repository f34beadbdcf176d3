"""The user's Kubernetes, by the current context of their kubeconfig: the SDK's only importer of `kubernetes`.

What is asked: which Services, Ingresses and pods there are, a token of a service account, and a connection to a pod.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import quote

AUDIENCE = "millrace"
TOKEN_SECONDS = 3600
SECONDS = (5.0, 30.0)
"""To connect to the API server, and to wait for an answer."""
Manifest = Mapping[str, Any]


class KubeError(Exception):
    """The cluster cannot be asked, or refuses; *status* is its answer's, None without one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Kube:
    """One context of a kubeconfig. Every call raises KubeError."""

    def __init__(self, context: str | None = None, file: str | None = None) -> None:
        """The *context* of the kubeconfig *file*; None: the current one, of KUBECONFIG or ~/.kube/config."""
        try:
            from kubernetes import client, config
        except ModuleNotFoundError as error:
            raise KubeError(
                "this needs the package kubernetes: pip install './services/sdk[kube]'"
            ) from error
        try:
            known, current = config.list_kube_config_contexts(config_file=file)
            chosen = current if context is None else next(item for item in known if item["name"] == context)
            self._api = config.new_client_from_config(config_file=file, context=chosen["name"])
        except (config.ConfigException, OSError) as error:
            raise KubeError(f"no kubeconfig can be read: {error}") from error
        except StopIteration:
            raise KubeError(f"the kubeconfig has no context {context}") from None
        self._core, self._connecting = client.CoreV1Api(self._api), threading.Lock()
        self._api.configuration.retries = False
        self.context: str = chosen["name"]
        self.namespace: str = chosen["context"].get("namespace") or "default"
        self.file = file and os.pathsep.join(str(Path(part).absolute()) for part in file.split(os.pathsep))

    def services(self, labels: str, namespace: str | None = None) -> list[Manifest]:
        """Services by label, of all namespaces without *namespace*."""
        return self._listed("/api/v1", "services", namespace, labels)

    def ingresses(self, namespace: str) -> list[Manifest]:
        """The Ingresses of a namespace."""
        return self._listed("/apis/networking.k8s.io/v1", "ingresses", namespace)

    def ready_pod(self, namespace: str, labels: str) -> str:
        """Name of a pod that is ready. Raises: KubeError if there is none."""
        for pod in self._listed("/api/v1", "pods", namespace, labels):
            conditions = pod.get("status", {}).get("conditions", [])
            going = pod["metadata"].get("deletionTimestamp") is not None
            if not going and any((item["type"], item["status"]) == ("Ready", "True") for item in conditions):
                return str(pod["metadata"]["name"])
        raise KubeError(f"no pod with {labels} is ready in the namespace {namespace}")

    def token(self, namespace: str, account: str) -> str:
        """A token of Millrace's audience for a service account, an hour long."""
        path = f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(account)}/token"
        spec = {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_SECONDS}
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self._call("POST", path, body=asked)["status"]["token"])

    def own_token(self) -> str:
        """The bearer token that the kubeconfig itself shows to the API server."""
        shown = str(self._api.configuration.get_api_key_with_prefix("authorization") or "")
        scheme, _, token = shown.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise KubeError(f"the context {self.context} shows the API server no token (but a certificate?)")
        return token

    def connect(self, namespace: str, pod: str, port: int) -> socket:
        """A connection to a port of a pod, through the API server."""
        from kubernetes.client import ApiException
        from kubernetes.stream import portforward

        try:
            with self._connecting:  # the package swaps a method of its client while it connects
                forward = portforward(
                    self._core.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port)
                )
            made: socket = forward.socket(port)
            return made
        except (ApiException, OSError) as error:
            raise KubeError(
                f"no connection to {namespace}/{pod}: {error}", getattr(error, "status", None)
            ) from error

    def _listed(self, root: str, plural: str, namespace: str | None, labels: str = "") -> list[Manifest]:
        place = f"/namespaces/{quote(namespace)}" if namespace else ""
        found = self._call("GET", f"{root}{place}/{plural}", {"labelSelector": labels} if labels else {})
        return list(found.get("items") or [])

    def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> Manifest:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer: Manifest = self._api.call_api(
                path, method, query_params=list((query or {}).items()), body=body,
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                response_type="object", auth_settings=["BearerToken"], _return_http_data_only=True,
                _request_timeout=SECONDS,
            )  # fmt: skip
        except ApiException as error:
            raise KubeError(f"Kubernetes says: {_words(error)}", error.status) from error
        except (HTTPError, OSError) as error:
            raise KubeError(
                f"the cluster of {self.context} does not answer ({type(error).__name__})"
            ) from error
        return answer


def _words(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
