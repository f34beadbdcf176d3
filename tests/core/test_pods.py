"""Every pod that is made at run time is hardened, and its fields are those that Kubernetes knows."""

import re
from pathlib import Path

import kubernetes_validate
import pytest

from millrace_core import pods
from millrace_core.settings import WorkloadSettings

SERVICES = Path(__file__).parents[2] / "services"
ONCE = re.compile(r"runAsNonRoot|serviceAccountToken|readOnlyRootFilesystem|/var/run/secrets/millrace|65532")
"""What only the one pod says."""


def made(where: pods.Where = pods.Where()):
    mounts = [
        pods.mount("tmp", pods.SCRATCH),
        pods.mount("models", "/models", read_only=True),
        pods.token_mount(),
    ]
    main = pods.container(
        "main", "image:1", {"HOME": "/tmp"}, {"limits": {"cpu": "1"}}, mounts, command=["sleep"]
    )
    volumes = [pods.room("tmp", "1Gi"), pods.room("models"), pods.shared_memory(), pods.token()]
    return pods.hardened("worker", [main], volumes, 20, where)


WHERE = pods.Where(
    {"zone": "a"}, [{"key": "gpu", "operator": "Exists"}], "nvidia", "low", ["one", "two", "one"]
)


@pytest.mark.parametrize("version", ["1.30", "1.34", "1.37"])
@pytest.mark.parametrize("where", [pods.Where(), WHERE])
def test_kubernetes_knows_every_field(version, where):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": made(where)}
    kubernetes_validate.validate(pod, version, strict=True)


def test_a_pod_gets_no_rights_in_the_cluster_and_runs_as_nobody():
    pod = made()
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == pods.LOCKED
    sources = [volume["projected"]["sources"] for volume in pod["volumes"] if "projected" in volume]
    assert [source["serviceAccountToken"]["audience"] for (source,) in sources] == ["millrace"]


def test_what_nobody_asked_for_is_left_out():
    assert pods.Where().part() == {}
    assert WHERE.part()["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert set(WHERE.part()) == {
        "nodeSelector", "tolerations", "runtimeClassName", "priorityClassName", "imagePullSecrets",
    }  # fmt: skip


def test_labels_name_the_installation():
    settings = WorkloadSettings(release="mill", instance="")
    assert pods.labels(settings, "job", "millrace-training")["app.kubernetes.io/instance"] == "mill"
    named = WorkloadSettings(release="mill", instance="first")
    assert pods.labels(named, "job", "m")["app.kubernetes.io/instance"] == "first"
    assert pods.selector({"b": "2", "a": "1"}) == "a=1,b=2"


def test_pods_are_made_where_they_were_asked_for():
    assert WorkloadSettings(namespace="home").workloads == "home"
    assert WorkloadSettings(namespace="home", workloads_namespace="work").workloads == "work"


def test_addresses_are_those_that_are_known():
    known = WorkloadSettings(registry_url="http://r", serving_url="http://s")
    assert known.addresses == {"MILLRACE_REGISTRY_URL": "http://r", "MILLRACE_SERVING_URL": "http://s"}


def test_what_a_pod_may_is_said_in_one_module():
    saying = {
        str(file.relative_to(SERVICES))
        for file in SERVICES.rglob("*.py")
        if file.parts[-2:] != ("postgres", "start.py") and ONCE.search(file.read_text())
    }
    assert saying == {"core/millrace_core/pods.py"}
