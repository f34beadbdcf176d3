"""What a thousand ModelLoops cost the controller: memory that they add, and its processor time when nothing happens."""

import json
import time
from typing import Any

from tests.cluster.kube import Kubernetes
from tests.cluster.release import Release

LOOPS, SPACE = 1000, "many"
IDLE_SECONDS = 60.0
USAGE = """
import json, os
fields = open("/proc/1/stat").read().rpartition(")")[2].split()
rss = int(open("/proc/1/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
print(json.dumps([(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), rss]))
"""


def measure(kube: Kubernetes, release: Release) -> dict[str, Any]:
    """Resident memory of the controller's process before and after LOOPS loops, and its share of a core."""
    before = at_rest(kube, release)
    kube.namespace(SPACE)
    for first in range(0, LOOPS, 250):
        items = [loop(number) for number in range(first, min(first + 250, LOOPS))]
        kube.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), SPACE)
    kube.until("every loop has a status", 900, lambda: told(kube) == LOOPS, release.namespace)
    after = at_rest(kube, release)
    kube.kubectl("delete", "namespace", SPACE, timeout=600)
    return {
        "operator_mib_of_1000_loops": (after["rss"] - before["rss"]) / 2**20,
        "operator_idle_cores": before["cores"],
        "operator_cores_with_1000_loops": after["cores"],
    }


def loop(number: int) -> dict[str, Any]:
    """A loop that waits for data."""
    name = f"loop-{number:04d}"
    spec = {"task": "regression", "target": "price", "data": {"dataset": name}}
    return {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": name},
        "spec": spec,
    }


def told(kube: Kubernetes) -> int:
    """How many of the loops have a phase."""
    said = kube.kubectl("get", "modelloops", "-n", SPACE, "-o", "jsonpath={.items[*].status.phase}")
    time.sleep(5)
    return len(said.split())


def at_rest(kube: Kubernetes, release: Release) -> dict[str, float]:
    """Share of a core over IDLE_SECONDS, and resident memory in bytes afterwards."""
    time.sleep(30)
    (pod,) = release.names("controller")

    def look() -> list[float]:
        said = kube.kubectl("exec", "-i", "-n", release.namespace, pod, "--", "python", "-", stdin=USAGE)
        found: list[float] = json.loads(said)
        return found

    spent, _ = look()
    time.sleep(IDLE_SECONDS)
    later, rss = look()
    return {"cores": (later - spent) / IDLE_SECONDS, "rss": rss}
