"""What platform engineers set on a part reaches its pods, its Service and its account: each field, each part."""

import functools
import json
import tempfile
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from tests.chart import foreign
from tests.chart.rendering import Refused, kind, one, pods, render

APIS = ("registry", "training", "serving", "monitoring", "controller")
PLACES = {
    **{api: (api,) for api in APIS},
    "gateway": ("gateway",),
    "console": ("console",),
    "autoscaler": ("autoscaling",),
    "edge": ("tls",),
    "postgres": ("embeddedPostgres",),
    "migrate": ("migrations",),
}
"""Where the values of each part stand."""
RUN_TIME = {
    "triton": ("triton",), "job": ("training", "job"), "pipeline": ("controller", "runner"),
    "backtest": ("controller", "backtest"),
}  # fmt: skip
SERVED = (*APIS, "gateway", "console", "edge")
REPLACED = ("controller", "gateway", "edge", "autoscaler")
"""Parts of which several pods may run at once."""
ALONE = {"registry", "training", "serving", "monitoring", "console"}
TIMES = {"periodSeconds": 17, "failureThreshold": 9}


def shape(part):
    """Every field that a pod may be given, each with the part's name in it."""
    return {
        "nodeSelector": {"for": part},
        "tolerations": [{"key": part, "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 7, "podAffinityTerm": {"topologyKey": f"{part}/rack", "labelSelector": {}}}]}},
        "topologySpreadConstraints": [
            {"maxSkew": 2, "topologyKey": f"{part}/rack", "whenUnsatisfiable": "DoNotSchedule"}],
        "priorityClassName": f"{part}-first",
        "labels": {"cost": part},
        "annotations": {"example.org/note": part},
        "extraEnv": [{"name": "EXTRA", "value": part}],
        "extraEnvFrom": [{"secretRef": {"name": f"{part}-secret"}}],
        "extraVolumes": [{"name": "more", "configMap": {"name": f"{part}-more"}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": f"/more/{part}", "readOnly": True}],
        "initContainers": [{"name": "first", "image": f"example.org/{part}:1"}],
        "probes": dict.fromkeys(("startup", "readiness", "liveness"), TIMES),
    }  # fmt: skip


def given(part):
    """All that the values of a part take."""
    wanted = shape(part) | {
        "serviceAccount": {"name": f"{part}-own", "annotations": {"example.org/who": part}}
    }
    if part == "migrate":
        wanted.pop("probes"), wanted.pop("topologySpreadConstraints")
    if part in REPLACED:
        wanted["updateStrategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1},
        }
    if part in ALONE:
        wanted["updateStrategy"] = {"type": "Recreate"}
    if part == "postgres":
        wanted["updateStrategy"] = {"type": "OnDelete"}
    if part in SERVED:
        wanted["service"] = {
            "type": "LoadBalancer", "annotations": {"example.org/lb": part}, "labels": {"lb": part},
            "nodePort": 30000 + SERVED.index(part), "loadBalancerClass": f"example.org/{part}",
            "loadBalancerSourceRanges": ["192.0.2.0/24"], "externalTrafficPolicy": "Local",
        }  # fmt: skip
    return wanted


def placed(path, tree):
    for key in reversed(path):
        tree = {key: tree}
    return tree


def merged(left, right):
    out = dict(left)
    for key, value in right.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and key in out else value
    return out


def rendered(values):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        return render("-f", str(path))


@functools.cache
def everything():
    """The release with every field of every part set, rendered once."""
    on = {"enabled": True}
    values = {"tls": {"existingSecret": "cert"}, "console": on, "autoscaling": on}
    for part, path in PLACES.items():
        values = merged(values, placed(path, given(part)))
    return tuple(rendered(values))


def pod_of(part):
    (found,) = [pod for pod in pods(list(everything())) if pod.component == part]
    return found


def object_of(part):
    (found,) = [
        item
        for item in everything()
        if item["kind"] in ("Deployment", "StatefulSet", "Job")
        and item["metadata"]["labels"]["app.kubernetes.io/component"] == part
    ]
    return found


@pytest.mark.parametrize("part", PLACES)
def test_every_field_of_a_part_arrives_in_its_pods(part):
    spec, wanted = pod_of(part).spec, given(part)
    assert spec["nodeSelector"] == wanted["nodeSelector"]
    assert spec["tolerations"] == wanted["tolerations"]
    assert spec["affinity"] == wanted["affinity"]
    assert spec["priorityClassName"] == wanted["priorityClassName"]
    assert spec["serviceAccountName"] == f"{part}-own"
    assert wanted["extraVolumes"][0] in spec["volumes"]
    template = object_of(part)["spec"]["template"]["metadata"]
    assert template["labels"]["cost"] == part
    assert template["annotations"]["example.org/note"] == part
    for container in spec["containers"]:
        assert wanted["extraEnv"][0] in container["env"]
        assert wanted["extraEnvFrom"][0] in container["envFrom"]
        assert wanted["extraVolumeMounts"][0] in container["volumeMounts"]
    first = spec["initContainers"][0]
    assert (first["name"], first["image"]) == ("first", f"example.org/{part}:1")
    assert first["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("part", [part for part in PLACES if part != "migrate"])
def test_a_parts_probes_and_spread_arrive_and_keep_what_was_not_said(part):
    spec = pod_of(part).spec
    for container in spec["containers"]:
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]
            assert TIMES.items() <= probe.items()
            assert {"httpGet", "tcpSocket", "exec"} & set(probe)
    (spread,) = spec["topologySpreadConstraints"]
    assert spread["topologyKey"] == f"{part}/rack"
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == part


@pytest.mark.parametrize("part", [part for part in PLACES if part != "migrate"])
def test_a_parts_way_of_being_replaced_arrives(part):
    spec = object_of(part)["spec"]
    assert spec["updateStrategy" if part == "postgres" else "strategy"] == given(part)["updateStrategy"]


@pytest.mark.parametrize("part", SERVED)
def test_every_field_of_a_parts_service_arrives(part):
    service = one(list(everything()), "Service", f"millrace-{part}")
    wanted = given(part)["service"]
    assert service["metadata"]["annotations"] == wanted["annotations"]
    assert service["metadata"]["labels"]["lb"] == part
    for name in ("type", "loadBalancerClass", "loadBalancerSourceRanges", "externalTrafficPolicy"):
        assert service["spec"][name] == wanted[name]
    assert service["spec"]["ports"][0]["nodePort"] == wanted["nodePort"]
    assert [port.get("nodePort") for port in service["spec"]["ports"][1:]] == [None] * (
        len(service["spec"]["ports"]) - 1
    )


def test_all_of_it_is_valid():
    for found in everything():
        kubernetes_validate.validate(found, "1.34", strict=True)


@pytest.mark.parametrize("part", PLACES)
def test_an_account_of_another_name_is_the_one_that_rights_and_roles_speak_of(part):
    objects = list(everything())
    account = one(objects, "ServiceAccount", f"{part}-own")
    assert account["metadata"]["annotations"] == {"example.org/who": part}
    text = json.dumps([item for item in objects if item["kind"] != "ServiceAccount"])
    bindings = [item for item in objects if item["kind"].endswith("RoleBinding")]
    subjects = {subject["name"] for item in bindings for subject in item["subjects"]}
    assert f"millrace-{part}" not in subjects
    if part in (*APIS, "gateway"):
        assert f"system:serviceaccount:millrace:{part}-own" in text
        assert f"system:serviceaccount:millrace:millrace-{part}" not in text


def test_an_account_that_is_there_already_is_used_and_not_made():
    objects = rendered({"serving": {"serviceAccount": {"create": False, "name": "theirs"}}})
    names = {item["metadata"]["name"] for item in kind(objects, "ServiceAccount")}
    assert not {"theirs", "millrace-serving"} & names
    serving = one(objects, "Deployment", "millrace-serving")
    assert serving["spec"]["template"]["spec"]["serviceAccountName"] == "theirs"


def test_what_all_parts_share_is_joined_with_what_one_has_for_itself():
    objects = rendered({"pods": shape("all"), "registry": shape("registry")})
    (pod,) = [pod for pod in pods(objects) if pod.component == "registry"]
    assert [item["key"] for item in pod.spec["tolerations"]] == ["all", "registry"]
    assert pod.spec["nodeSelector"] == {"for": "registry"}
    assert pod.spec["priorityClassName"] == "registry-first"
    assert [item["name"] for item in pod.spec["initContainers"]] == ["first", "first"]
    (other,) = [pod for pod in pods(objects) if pod.component == "controller"]
    assert other.spec["priorityClassName"] == "all-first"
    assert other.labels["cost"] == "all"


@pytest.mark.parametrize("part", RUN_TIME)
def test_every_field_of_pods_made_at_run_time_is_told_to_who_makes_them(part):
    """What the settings hold, the pods have: tests/core/test_shapes.py."""
    from millrace_core.shapes import Shape

    wanted = shape(part) | {"runtimeClassName": f"{part}-runtime"}
    if part != "triton":
        wanted.pop("probes")
    own = wanted | {"serviceAccount": {"name": f"{part}-own"}}
    objects = rendered(placed(RUN_TIME[part], own))
    maker = {"triton": "serving", "job": "training"}.get(part, "controller")
    (container,) = one(objects, "Deployment", f"millrace-{maker}")["spec"]["template"]["spec"]["containers"]
    told = {item["name"]: item.get("value") for item in container["env"]}
    shapes = {
        name: Shape.model_validate(value) for name, value in json.loads(told["MILLRACE_POD_SHAPES"]).items()
    }
    assert shapes[part] == Shape.model_validate(wanted)
    assert f"{part}-own" in told.values()
    assert f"system:serviceaccount:millrace:{part}-own" in json.dumps(objects)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"registry": {"serviceAccount": {"create": False}}}, "registry.serviceAccount.name:"),
        ({part: {"serviceAccount": {"name": "x"}} for part in ("tls", "gateway")}, "Account.name: is that of"),
        ({"gateway": {"service": {"nodePort": 30001}}}, "gateway.service.nodePort:"),
        ({"tls": {"service": {"type": "NodePort", "loadBalancerClass": "x"}}}, "tls.service.loadBalancerClass:"),
        ({"monitoring": {"updateStrategy": {"type": "RollingUpdate"}}}, "monitoring.updateStrategy.type:"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs:"),
        ({"registry": {"resources": {"limits": {"memry": "1Gi"}}}}, "memry"),
        ({"serving": {"replicas": 2}}, "serving/replicas"),
        ({"pods": {"labels": {"app.kubernetes.io/name": "x"}}}, "pods/labels"),
        ({"training": {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}}, "training/extraVolumes/0/name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_path(values, said):
    with pytest.raises(Refused) as refusal:
        rendered(values)
    assert said in str(refusal.value), refusal.value


def test_an_ingress_and_a_route_lead_to_the_door_which_then_listens_plainly():
    values = {
        "ingress": {
            "enabled": True, "className": "nginx", "annotations": {"cert-manager.io/cluster-issuer": "ca"},
            "labels": {"web": "yes"}, "hosts": ["millrace.example", "models.example"],
            "tls": [{"secretName": "web", "hosts": ["millrace.example"]}],
        },
        "httpRoute": {
            "enabled": True, "hostnames": ["millrace.example"],
            "parentRefs": [{"name": "web", "namespace": "gateways"}],
        },
        "gateway": {"grpc": {"enabled": True}},
        "networkPolicy": {"ingress": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    }  # fmt: skip
    objects = rendered(values)
    ingress = one(objects, "Ingress", "millrace-edge")
    kubernetes_validate.validate(ingress, "1.34", strict=True)
    assert ingress["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "ca"}
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == values["ingress"]["hosts"]
    assert ingress["spec"]["tls"] == values["ingress"]["tls"]
    service = one(objects, "Service", "millrace-edge")
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "millrace-edge", "port": {"name": "http"}}
    assert foreign.problems(one(objects, "HTTPRoute", "millrace-edge")) == []
    route = one(objects, "HTTPRoute", "millrace-edge")["spec"]
    assert route["parentRefs"] == values["httpRoute"]["parentRefs"]
    assert route["hostnames"] == ["millrace.example"]
    assert [rule["backendRefs"][0]["port"] for rule in route["rules"]] == [ports["grpc"], ports["http"]]
    assert set(ports) == {"http", "grpc"}, "no certificate of its own, no port for TLS"
    door = one(objects, "ConfigMap", "millrace-edge")["data"]
    listeners = yaml.safe_load(door["envoy.yaml"])["static_resources"]["listeners"]
    assert [item["name"] for item in listeners] == ["http", "metrics"]
    assert "certificate.yaml" not in door
    (pod,) = [pod for pod in pods(objects) if pod.component == "edge"]
    assert "tls" not in {volume["name"] for volume in pod.spec["volumes"]}
    policy = one(objects, "NetworkPolicy", "millrace-edge")["spec"]["ingress"]
    assert {"from": values["networkPolicy"]["ingress"], "ports": [{"port": 8080}]} in policy


def test_each_volume_has_a_class_and_a_size_of_its_own():
    objects = rendered(
        {
            "persistence": {"storageClass": "slow"},
            "registry": {"persistence": {"storageClass": "fast", "size": "77Gi", "annotations": {"a": "b"}}},
        }
    )
    claims = {item["metadata"]["name"]: item for item in kind(objects, "PersistentVolumeClaim")}
    fast = claims.pop("millrace-registry")
    assert fast["spec"]["storageClassName"] == "fast"
    assert fast["spec"]["resources"]["requests"]["storage"] == "77Gi"
    assert fast["metadata"]["annotations"] == {"a": "b", "helm.sh/resource-policy": "keep"}
    assert {item["spec"]["storageClassName"] for item in claims.values()} == {"slow"}
