"""Beside other projects: a real API server takes what is made for them, and a real Helm refuses a second release.

No controller of theirs is there: nothing routes by the Ingress or the HTTPRoute, and no Prometheus reads the rules.
"""

import json

import httpx
import pytest
from tests.chart import foreign
from tests.cluster.kube import CHARTS
from tests.cluster.release import NAME

pytestmark = pytest.mark.timeout(900)
HOST = "models.example"
NEEDED = ("HTTPRoute", "PodMonitor", "PrometheusRule")
EDGE = {
    "prometheus.monitors": True,
    "prometheus.rules": True,
    "ingress": {"enabled": True, "hosts": [HOST], "tls": [{"secretName": "web", "hosts": [HOST]}]},
    "httpRoute": {"enabled": True, "hostnames": [HOST], "parentRefs": [{"name": "web", "namespace": "gateways"}]},
}  # fmt: skip
SECOND = ("install", "second", str(CHARTS / "millrace"), "-n", "second", "--dry-run=server")


@pytest.fixture(scope="module")
def surrounded(kube, release):
    """The release with everything that it makes for others, whose definitions are there."""
    crds = [foreign.crd(item) for item in foreign.definitions().values() if item["kind"] in NEEDED]
    names = [f"crd/{item['metadata']['name']}" for item in crds]
    absent = [name for name in names if not kube.one("crd", name.partition("/")[2], "default")]
    kube.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": crds}))
    kube.kubectl("wait", *names, "--for=condition=Established", "--timeout=60s")
    release.values |= EDGE
    release.upgrade()
    yield release
    release.values = {name: value for name, value in release.values.items() if name not in EDGE}
    release.upgrade()
    if absent:
        kube.kubectl("delete", *absent, "--timeout=60s")


def test_an_api_server_takes_what_the_chart_makes_for_others_and_the_door_answers_plainly(kube, surrounded):
    space = surrounded.namespace
    ingress = kube.one("ingress", f"{NAME}-edge", space)
    assert ingress["spec"]["tls"] == EDGE["ingress"]["tls"]
    route = kube.one("httproute", f"{NAME}-edge", space)
    assert route["spec"]["hostnames"] == [HOST]
    assert len(kube.get("podmonitors", space)) == 3
    (rules,) = kube.get("prometheusrules", space)
    assert len(rules["spec"]["groups"][0]["rules"]) > 8
    with kube.forwarded(f"service/{NAME}-edge", space, 8080) as port:
        url = f"http://127.0.0.1:{port}/registry/healthz"
        assert httpx.get(url, headers={"host": HOST}, trust_env=False, timeout=20).status_code == 200
    told = kube.helm("get", "notes", NAME, "-n", space)
    assert f"  https://{HOST}\n" in told
    assert "port-forward" not in told


def test_a_second_release_is_refused_and_one_that_follows_nothing_is_not(kube, release):
    with pytest.raises(AssertionError, match="follows the ModelLoops of every namespace already"):
        kube.helm(*SECOND)
    said = kube.helm(*SECOND, "--set", "controller.operator.enabled=false")
    assert "STATUS: pending-install" in said
