"""What the installation gives pods made at run time reaches them, and nothing that Millrace or a loop says is lost."""

import copy

import kubernetes_validate
import pytest
from tests.chart.test_fields import TIMES, shape

from millrace_core import pods
from millrace_core.shapes import Shape

OURS = {
    "app.kubernetes.io/name": "millrace",
    "app.kubernetes.io/instance": "millrace",
    "app.kubernetes.io/component": "triton",
}


def template(**more):
    """A pod as Millrace makes it, with code of a user's own beside the main container."""
    asked = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    main = pods.container("main", "example.org/main:1", {"A": "1"}, asked, [pods.mount("tmp", "/tmp")])
    main["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 2}
    code = pods.container("code", "example.org/code:1", {}, asked, []) | {"restartPolicy": "Always"}
    spec = pods.hardened("millrace-triton", [main], [pods.room("tmp")], 30, pods.Where(**more))
    return {"metadata": {"labels": dict(OURS)}, "spec": spec | {"initContainers": [code]}}


def test_every_field_arrives_and_the_pod_is_valid():
    wanted = shape("triton") | {"runtimeClassName": "nvidia"}
    made = pods.shaped(template(), Shape.model_validate(wanted))
    spec = made["spec"]
    for name in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName"):
        assert spec[name] == wanted[name]
    assert made["metadata"]["labels"] == OURS | wanted["labels"]
    assert made["metadata"]["annotations"] == wanted["annotations"]
    (main,) = spec["containers"]
    assert main["env"] == [{"name": "A", "value": "1"}, *wanted["extraEnv"]]
    assert main["envFrom"] == wanted["extraEnvFrom"]
    assert wanted["extraVolumeMounts"][0] in main["volumeMounts"]
    assert wanted["extraVolumes"][0] in spec["volumes"]
    assert main["readinessProbe"] == {"httpGet": {"path": "/ready", "port": 8000}, **TIMES}
    assert "startupProbe" not in main
    (spread,) = spec["topologySpreadConstraints"]
    assert spread["labelSelector"] == {"matchLabels": OURS}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"} | made["metadata"], "spec": spec}
    kubernetes_validate.validate(pod, "1.34", strict=True)


def test_the_first_container_is_confined_and_code_of_a_users_own_gets_nothing():
    first, code = pods.shaped(template(), Shape.model_validate(shape("job")))["spec"]["initContainers"]
    assert first == shape("job")["initContainers"][0] | {"securityContext": pods.LOCKED}
    assert code == template()["spec"]["initContainers"][0]
    loose = {"name": "x", "image": "y:1", "securityContext": {"runAsUser": 7}}
    made = pods.shaped(template(), Shape(init_containers=[loose]))
    assert made["spec"]["initContainers"][0] == loose


@pytest.mark.parametrize(
    ("said", "field", "kept"),
    [
        ({"node_selector": {"for": "loop"}}, "nodeSelector", {"for": "loop"}),
        ({"priority_class": "loops"}, "priorityClassName", "loops"),
        ({"runtime_class": "gvisor"}, "runtimeClassName", "gvisor"),
    ],
)
def test_what_a_loop_says_of_its_pods_goes_before_what_the_installation_says(said, field, kept):
    given = Shape.model_validate(shape("job") | {"runtimeClassName": "nvidia"})
    assert pods.shaped(template(**said), given)["spec"][field] == kept


def test_tolerations_of_both_hold():
    mine = {"key": "mine", "operator": "Exists"}
    made = pods.shaped(template(tolerations=[mine]), Shape.model_validate(shape("job")))
    assert made["spec"]["tolerations"] == [*shape("job")["tolerations"], mine]


def test_nothing_given_changes_nothing():
    before = template()
    assert pods.shaped(copy.deepcopy(before), Shape()) == before
    assert pods.shaped(before, Shape.model_validate(shape("job"))) != template()
    assert before == template(), "the given template is left as it was"
