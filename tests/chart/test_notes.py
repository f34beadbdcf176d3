"""What `helm install` says at its end: where the platform is reached, who may ask, and what is not for production."""

import json
import subprocess

import pytest
from tests.chart.rendering import CHART, one, render, values
from tests.chart.tools import helm

INGRESS = ("--set", "ingress.enabled=true,ingress.className=nginx,ingress.hosts={models.example,old.example}",
           "--set", "ingress.tls[0].secretName=web,ingress.tls[0].hosts={models.example}")  # fmt: skip
ROUTE = ("--set", "httpRoute.enabled=true,httpRoute.hostnames={models.example}",
         "--set", "httpRoute.parentRefs[0].name=web,httpRoute.parentRefs[0].namespace=gateways")  # fmt: skip
DOOR = ("--set", "tls.existingSecret=door")
BALANCED = (*DOOR, "--set", "tls.service.type=LoadBalancer,gateway.publicUrl=https://models.example")
FORWARD = "port-forward service/millrace-gateway 8000:8000"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), [FORWARD, "  millrace login --kube ; millrace whoami\n"]),
        (INGRESS, ["  https://models.example\n  http://old.example\n", "The Ingress millrace-edge of the class nginx;",
                   "get ingress millrace-edge", "  millrace login --kube ; millrace whoami\n"]),
        (("--set", "ingress.enabled=true"), ["The Ingress millrace-edge takes every host name;"]),
        (ROUTE, ["  https://models.example\n", "of the Gateway gateways/web, whose listener decides on TLS",
                 "get httproute millrace-edge", "  millrace login --kube --url https://models.example ;"]),
        (DOOR, ["Https on the Service millrace-edge (ClusterIP), port 443, with the certificate in door: inside"]),
        (BALANCED, ["  https://models.example\n", "Service millrace-edge (LoadBalancer), port 443, with", "in door.",
                    "  millrace login --kube --url https://models.example ;"]),
    ],
)  # fmt: skip
def test_the_notes_say_where_the_platform_is_reached(arguments, said):
    told = notes(*arguments)
    assert [words for words in said if words not in told] == [], told
    assert (FORWARD in told) is (FORWARD in said), "a port-forward is shown where there is no other way"
    assert ("From outside;" in told) is (FORWARD not in said)


def test_a_host_of_the_ingress_without_a_certificate_is_warned_of_by_name():
    told = notes(*INGRESS)
    assert "WARNING: http://old.example speaks no TLS." in told
    assert "http://models.example" not in told
    wild = ("--set", "ingress.enabled=true,ingress.hosts={a.models.example},ingress.tls[0].secretName=web",
            "--set", "ingress.tls[0].hosts={*.models.example}")  # fmt: skip
    assert "  https://a.models.example\n" in notes(*wild)


def test_the_notes_say_loudly_what_is_not_for_production():
    said = notes()
    for warning in ("the embedded PostgreSQL", "no TLS", "Triton is the test image"):
        assert f"WARNING: {warning}" in said
    assert "EVERYTHING IS LOST" in notes("--set", "persistence.enabled=false")
    assert "gRPC" not in said
    assert "WARNING: gateway.grpc.enabled with the test image" in notes("--set", "gateway.grpc.enabled=true")
    assert "Inference asks for a key" in said
    public = notes("--set", "gateway.public=true")
    assert "ANYONE WHO REACHES THE GATEWAY MAY ASK EVERY MODEL" in public
    assert "Inference asks for a key" not in public
    assert "also from outside the cluster" not in public
    assert "also from outside" in notes("--set", "gateway.public=true", "--set", "tls.existingSecret=door")
    production = notes(*values("production"))
    assert "WARNING" not in production
    assert "The same over gRPC: millrace-gateway.millrace.svc:8001" in production


@pytest.mark.parametrize(
    ("ray", "said"),
    [
        ("auto", "a loop that says `training.executor: ray` trains as a RayJob"),
        ("never", "all jobs are plain Jobs"),
    ],
)
def test_the_notes_say_when_training_really_is_a_ray_job(ray, said):
    """A dry run of an install knows no resources of a cluster, so the sentence is rendered by itself."""
    told = '{{ include "millrace.notes.ray" . | quote }}'
    asked = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: said}}\ndata: {{said: {told}}}"
    given = ("--set-json", f"extraObjects={json.dumps([asked])}", "--set", f"training.job.ray={ray}")
    assert one(render(*given), "ConfigMap", "said")["data"]["said"].strip() == ""
    assert said in one(render(*given, "--api-versions", "ray.io/v1"), "ConfigMap", "said")["data"]["said"]


def notes(*arguments):
    """NOTES.txt, which only an install prints; a dry run of one."""
    command = [
        helm(),
        "install",
        "millrace",
        str(CHART),
        "--namespace",
        "millrace",
        "--dry-run=client",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("NOTES:", 1)[1]
