"""One installation of the charts, and a pod beside it from which people's calls are made."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.kube import CHARTS, Kubernetes

NAME = "millrace"
TOOLBOX = "toolbox"
SERVICES = ("registry", "training", "serving", "monitoring", "controller")
IMAGES = ("registry", "training", "training.job", "serving", "monitoring", "controller", "controller.runner",
          "console", "gateway", "triton", "embeddedPostgres")  # fmt: skip
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
ENFORCED = {"pod-security.kubernetes.io/enforce": "restricted"}
"""Label of every namespace of the tests: what violates it is not admitted."""


@dataclass
class Release:
    """The release `millrace` in its namespace, with images of the tag *tag*."""

    kube: Kubernetes
    namespace: str
    tag: str
    values: dict[str, Any] = field(default_factory=dict)
    deployed: dict[str, Any] | None = None
    """The values that it runs with; None if nobody knows."""

    def install(self, *more: str) -> None:
        """`helm upgrade --install` of both charts into a namespace that enforces restricted pods; every pod Ready."""
        self.kube.namespace(self.namespace, **ENFORCED)
        self.kube.helm(
            "upgrade", "--install", "millrace-crds", str(CHARTS / "millrace-crds"), "-n", "default"
        )
        self.deployed = None
        self.upgrade(*more)

    def upgrade(self, *more: str, wait: bool = True) -> None:
        """Install or upgrade the release with its values and *more* flags, unless it runs so already."""
        if not more and self.values == self.deployed:
            return
        self.deployed = None
        tags = [part for image in IMAGES for part in ("--set", f"{image}.image.tag={self.tag}")]
        given = [
            part
            for key, value in self.values.items()
            for part in ("--set-json", f"{key}={json.dumps(value)}")
        ]
        self.kube.helm("upgrade", "--install", NAME, str(CHARTS / "millrace"), "-n", self.namespace, *tags, *given,
                       *more)  # fmt: skip
        if wait:
            self.kube.until(
                "all pods Ready", 600, lambda: self.kube.ready(self.namespace, MINE), self.namespace
            )
        self.deployed = None if more else dict(self.values)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of one component that are not being deleted, by name; also those made at run time."""
        found = self.kube.get("pods", self.namespace, f"app.kubernetes.io/component={component}")
        living = [pod for pod in found if pod["metadata"].get("deletionTimestamp") is None]
        return sorted(living, key=lambda pod: str(pod["metadata"]["name"]))

    def names(self, component: str, running: bool = False) -> list[str]:
        """Names of a component's pods; with *running*, of those whose containers run."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(component)
            if not running or pod["status"].get("phase") == "Running"
        ]

    def ready(self) -> bool:
        """Whether every pod that is kept running is Ready."""
        return self.kube.ready(self.namespace)

    def uninstall(self) -> None:
        self.deployed = None
        self.kube.helm("uninstall", NAME, "-n", self.namespace)

    def toolbox(self, namespace: str) -> None:
        """A pod with the SDK and the administrator's token: where people's commands run."""
        self.kube.namespace(namespace, **ENFORCED, **{"millrace.dev/access": "true"})
        self.kube.apply(json.dumps(self._toolbox()), self.namespace)
        self.kube.kubectl(
            "wait", "--for=condition=Ready", f"pod/{TOOLBOX}", "-n", self.namespace, "--timeout=300s"
        )

    def _toolbox(self) -> dict[str, Any]:
        urls = {f"MILLRACE_{name.upper()}_URL": f"http://{NAME}-{name}:8080" for name in SERVICES}
        environment = urls | {"MILLRACE_TOKEN_FILE": "/token/token", "HOME": "/tmp"}
        token = {"serviceAccountToken": {"audience": "millrace", "path": "token", "expirationSeconds": 3600}}
        container = {
            "name": "main",
            "image": f"docker.io/millrace/controller:{self.tag}",
            "command": ["python", "-c", "import time; time.sleep(1e6)"],
            "env": [{"name": name, "value": value} for name, value in environment.items()],
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "token", "mountPath": "/token"}, {"name": "tmp", "mountPath": "/tmp"}],
        }
        spec = {
            "serviceAccountName": f"{NAME}-admin",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532,
                                "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "token", "projected": {"sources": [token]}}, {"name": "tmp", "emptyDir": {}}],
        }  # fmt: skip
        labels = {"app.kubernetes.io/name": "millrace-toolbox"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": TOOLBOX, "labels": labels},
            "spec": spec,
        }

    def python(self, source: str, *arguments: str, timeout: float = 300) -> Any:
        """Run *source* in the toolbox; it leaves its answer as JSON in the last line of its output."""
        said = self.kube.kubectl(
            "exec",
            "-i",
            "-n",
            self.namespace,
            TOOLBOX,
            "--",
            "python",
            "-",
            *arguments,
            stdin=source,
            timeout=timeout,
        )
        return json.loads(said.strip().splitlines()[-1])

    def call(self, expression: str, project: str) -> Any:
        """Value of a Python *expression* in which `client` is the SDK's client of *project*."""
        source = (
            "import json\nfrom millrace.client import Millrace\nfrom pydantic_core import to_jsonable_python\n"
            f"client = Millrace.from_environment({project!r})\n"
            f"print(json.dumps(to_jsonable_python({expression}, by_alias=True)))\n"
        )
        return self.python(source)


PAIRS = {"gateway.replicas": 2, "triton.replicas": 2, "controller.replicas": 2}
"""Values for two of each pod on the way of a prediction, and two controllers."""
MINE = f"app.kubernetes.io/name=millrace,app.kubernetes.io/instance={NAME}"
