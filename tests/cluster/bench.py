"""`make bench-cluster`: how fast and how big Millrace is on a real cluster, into out/cluster.json and the terminal.

It installs a release of its own, on volumes of its own, and takes it away again. Give it a cluster without other load.
"""

import json
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer
from tests.bench.__main__ import describe
from tests.cluster import operator_load, sizes
from tests.cluster import test_story as story
from tests.cluster.kube import Kubernetes, find
from tests.cluster.release import MINE, Release

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "inside"
NAMESPACE, TEAM = "millrace-bench", story.TEAM
UNITS = {"": 1.0, "m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
WIDE = "bench"
"""The loop of `make bench`: 30 columns of numbers."""
LIGHT = [
    {"size": 8.0 + 0.25 * row, "texture": None if row % 9 == 0 else 19.0, "kind": "abc"[row % 3]}
    for row in range(64)
]
"""Rows of the small loop, which costs Triton next to nothing."""
PUSH = """
import json
from pathlib import Path
from millrace.client import Millrace
from millrace.delivery import push
path = Path("/tmp/bench.csv")
path.write_text(TABLE)
print(json.dumps(push(Millrace.from_environment("team-a"), "bench", path).accepted))
"""
MOST = {
    "install_seconds": 60.0,
    "pods": 10,
    "requests_cpu": 1.0,
    "requests_gib": 2.0,
    "first_prediction_seconds": 180.0,
    "operator_mib_of_1000_loops": 120.0,
    "operator_idle_cores": 0.05,
}
MOST_MB = {"monitoring": 280, "training-cpu": 450, "triton-test": 220} | dict.fromkeys(
    ("registry", "training", "serving", "controller"), 150
)


def main() -> int:
    """Measure everything; 0 if every figure is within its bound."""
    kube = find()
    release = Release(kube, NAMESPACE, os.environ.get("MILLRACE_IMAGE_TAG", "dev"))
    try:
        figures = install(release)
        figures |= first_prediction(kube, release)
        figures |= gateway(release, WIDE, wide(kube, release))
        figures |= {f"light_{name}": value for name, value in gateway(release, "tumours", LIGHT).items()}
        kube.kubectl("delete", "modelloop", "--all", "-n", TEAM)
        figures |= operator_load.measure(kube, release)
    finally:
        remove(kube, release)
    figures["image_mb"] = {image: sizes.megabytes(image, release.tag) for image in sizes.IMAGES}
    result = {"date": date.today().isoformat(), "machine": describe(), "figures": figures}
    result["bounds"] = bounds(figures)
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out" / "cluster.json").write_text(json.dumps(result, indent=2))
    print(json.dumps(result, indent=2))
    return 0 if all(item["met"] for item in result["bounds"]) else 1


def install(release: Release) -> dict[str, Any]:
    """Seconds from `helm install` with the default values to all pods Ready, and what the pods ask for."""
    began = time.monotonic()
    release.install()
    seconds = time.monotonic() - began
    pods = [
        pod
        for pod in release.kube.get("pods", release.namespace, MINE)
        if pod["status"]["phase"] == "Running"
    ]
    asked = [c["resources"].get("requests", {}) for pod in pods for c in pod["spec"]["containers"]]
    release.toolbox(TEAM)
    return {
        "install_seconds": seconds,
        "pods": len(pods),
        "requests_cpu": sum(amount(item.get("cpu", "0")) for item in asked),
        "requests_gib": sum(amount(item.get("memory", "0")) for item in asked) / 2**30,
    }


def amount(text: str) -> float:
    """A quantity as Kubernetes writes it, like 250m or 128Mi, as a number."""
    number = text.rstrip("KMGim")
    return float(number) * UNITS[text[len(number) :]]


def first_prediction(kube: Kubernetes, release: Release) -> dict[str, Any]:
    """Seconds from `kubectl apply` of a small loop, its data set registered, to a prediction of its champion."""
    teach(kube, release)
    kube.kubectl("delete", "modelloop", "tumours", "-n", TEAM)
    kube.until("the first loop is gone", 120, lambda: not release.call("client.controller.loops()", TEAM))
    began = time.monotonic()
    kube.apply(story.LOOP, TEAM)
    kube.until("a champion", 300, lambda: story.champion(kube), release.namespace)
    assert len(release.python(story.PREDICT)["predictions"]) == 2
    return {"first_prediction_seconds": time.monotonic() - began}


def teach(kube: Kubernetes, release: Release) -> None:
    """Register the data set, through a loop that is put off until it has it."""
    kube.apply(story.LOOP, TEAM)
    kube.until("the loop is taken up", 30, lambda: (story.loop(kube).get("status") or {}).get("phase"))
    assert release.python(story.PUSH) is True
    kube.until("a champion", 300, lambda: story.champion(kube), release.namespace)


def wide(kube: Kubernetes, release: Release) -> list[dict[str, Any]]:
    """Bring up the loop of `make bench`, and return rows for it."""
    table = load_breast_cancer(as_frame=True).frame.rename(columns=lambda name: name.replace(" ", "_"))
    kube.apply(story.LOOP.replace("tumours", WIDE), TEAM)
    kube.until("the loop is taken up", 30, lambda: (story.loop(kube, WIDE).get("status") or {}).get("phase"))
    assert release.python(f"TABLE = {table.to_csv(index=False)!r}\n{PUSH}") is True
    kube.until("a champion", 300, lambda: story.champion(kube, WIDE), release.namespace)
    rows: list[dict[str, Any]] = table.drop(columns="target").head(64).to_dict("records")
    return rows


def gateway(release: Release, loop: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Requests a second through Envoy with all bodies logged, and at the Triton pod itself, from a pod beside them."""
    endpoint = release.call(f"client.serving.endpoint({loop!r})", TEAM)
    name = next(
        item["name"] for item in endpoint["revisions"] if item["name"].endswith(f"--r{endpoint['stable']}")
    )
    (address,) = [
        pod["status"]["podIP"]
        for pod in release.pods("triton")
        if f"--load-model={name}" in json.dumps(pod["spec"])
    ]
    release.python(f"open('/tmp/rows.json', 'w').write({json.dumps(rows)!r})\nprint(1)")
    source = "\n".join(part.read_text() for part in (ROOT / "tests/bench/load.py", INSIDE / "loading.py"))
    direct = f"{address}:8000/v2/models/{name}/infer"
    found: dict[str, Any] = release.python(source, TEAM, loop, direct, "/tmp/rows.json")
    return found


def remove(kube: Kubernetes, release: Release) -> None:
    """Take the release and its volumes away."""
    kube.kubectl("delete", "modelloop", "--all", "-n", TEAM, check=False)
    release.uninstall()
    kube.kubectl("delete", "namespace", NAMESPACE, TEAM, "--ignore-not-found", timeout=300)


def bounds(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Each promise with its figure; an image that is not on this machine is left out."""
    rows: list[dict[str, Any]] = [
        {"name": k, "value": figures[k], "at_most": most} for k, most in MOST.items()
    ]
    measured = figures["image_mb"]
    rows += [
        {"name": f"{k} MB", "value": measured[k], "at_most": m} for k, m in MOST_MB.items() if measured[k]
    ]
    rows.append({"name": "gateway_ratio", "value": figures["gateway_ratio"], "at_least": 0.40})
    rows.append({"name": "records_lost", "value": figures["records_lost"], "at_most": 0})
    for row in rows:
        row["met"] = row.get("at_least", row["value"]) <= row["value"] <= row.get("at_most", row["value"])
    return rows


if __name__ == "__main__":
    sys.exit(main())
