"""kubectl and helm as the tests use them: JSON in and out, and the pods' own words when something does not come.

`python -m tests.cluster.kube` prints the path of the kubeconfig of the cluster to test on, which it starts if need be.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chart import tools

CHARTS = Path(__file__).parents[2] / "charts"


HOW = """No cluster to test on. Set KUBECONFIG to a cluster that may be broken, or MILLRACE_CLUSTER_UP to a command that
starts one and prints the path of its kubeconfig. Get one with `kind create cluster` or `k3d cluster create`, and put
the images into it: make images-local MILLRACE_IMAGE_LOAD='kind load docker-image'."""


class NoCluster(Exception):
    """There is no cluster; the text says how to get one."""


class Late(AssertionError):
    """Something did not come in time; the text holds what the pods say."""


def find() -> "Kubernetes":
    """The cluster of KUBECONFIG, else the one that the command in MILLRACE_CLUSTER_UP starts. Raises: NoCluster."""
    config = os.environ.get("KUBECONFIG")
    if config is None and (command := os.environ.get("MILLRACE_CLUSTER_UP")):
        started = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=True)
        config = started.stdout.strip().splitlines()[-1]
    if config is None:
        raise NoCluster(HOW)
    return Kubernetes(Path(config))


@dataclass(frozen=True)
class Kubernetes:
    """One cluster, by its kubeconfig."""

    config: Path

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> str:
        """Output of one kubectl call. Raises: CalledProcessError with what it said, if *check*."""
        return self._run([str(tools.kubectl()), *arguments], stdin, check, timeout)

    def helm(self, *arguments: str, timeout: float = 600) -> str:
        """Output of one helm call. Raises: CalledProcessError."""
        return self._run([str(tools.helm()), *arguments], None, True, timeout)

    def _run(self, command: list[str], stdin: str | None, check: bool, timeout: float) -> str:
        environment = os.environ | {"KUBECONFIG": str(self.config)}
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(command[:8])} … failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done.stdout if check else done.stdout + done.stderr

    def get(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Objects of *kind* in *namespace*, by label."""
        chosen = ("-l", selector) if selector else ()
        return json.loads(self.kubectl("get", kind, "-n", namespace, *chosen, "-o", "json"))["items"]

    def one(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        """The object, or None if there is none."""
        found = self.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        return json.loads(found) if found.strip() else None

    def apply(self, text: str, namespace: str = "default") -> None:
        self.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)

    def namespace(self, name: str, **labels: str) -> None:
        """Make a namespace, unless it is there."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.apply(json.dumps(manifest))

    def until(self, what: str, seconds: float, look: Callable[[], Any], namespace: str = "") -> Any:
        """The first truthy answer of *look*. Raises: Late with the state of the namespace's pods."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise Late(
                    f"{what}: not within {seconds:.0f} s\n{self.words(namespace) if namespace else ''}"
                )
            time.sleep(0.5)

    @contextmanager
    def forwarded(self, what: str, namespace: str, port: int) -> Iterator[int]:
        """A port of this machine's loopback that leads to *port* of a Service or a pod."""
        command = [str(tools.kubectl()), "port-forward", "-n", namespace, what, f":{port}"]
        environment = os.environ | {"KUBECONFIG": str(self.config)}
        process = subprocess.Popen(
            [*command, "--address=127.0.0.1"], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield int(line.partition("127.0.0.1:")[2].partition(" ")[0])
        finally:
            process.kill()
            process.wait()

    def words(self, namespace: str) -> str:
        """What the pods and the last events of a namespace say."""
        living = "status.phase!=Succeeded"
        pods = self.kubectl("get", "pods", "-n", namespace, "--field-selector", living, check=False)
        events = self.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp", check=False)
        return f"{pods}\n{events[-2000:]}"

    def ready(self, namespace: str, selector: str = "") -> bool:
        """Whether every pod that is kept running, which those of Jobs are not, is Ready, and there is one."""
        pods = [pod for pod in self.get("pods", namespace, selector) if _is_kept(pod)]
        return bool(pods) and all(_is_ready(pod) for pod in pods)


def _is_kept(pod: dict[str, Any]) -> bool:
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
    return bool(owners & {"ReplicaSet", "StatefulSet", "DaemonSet"})


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    gone = pod["metadata"].get("deletionTimestamp") is not None
    return not gone and any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def condition(resource: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of *kind* in a resource's status; empty when there is none."""
    found = resource.get("status", {}).get("conditions", [])
    return next((item for item in found if item["type"] == kind), {})


if __name__ == "__main__":
    try:
        print(find().config)
    except NoCluster as error:
        sys.exit(str(error))
