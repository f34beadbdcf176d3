"""What is applied to a cluster for one revision: valid, locked down, the same every time."""

import kubernetes_validate
import pytest

from millrace_serving.cluster import engines, manifests, names, pods
from millrace_serving.cluster.engines import EngineKey
from millrace_serving.settings import ServingSettings
from millrace_training.launch import amounts

from .test_revisions import revision

VERSIONS = ("1.30", "1.34", "1.37")
GPU_PLACEMENT = {
    "nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H200"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "resources": {"limits": {"nvidia.com/gpu": "1"}},
    "runtimeClassName": "nvidia",
    "imagePullSecrets": ["pull"],
}
SCALING = {"kind": "hpa", "minReplicas": 2, "maxReplicas": 6, "queueMilliseconds": 5}


def settings(**more):
    given = {
        "platform": "kubernetes",
        "namespace": "millrace",
        "serving_image": "docker.io/millrace/serving:0.1.0",
        "triton_image": "docker.io/millrace/triton-test:0.1.0",
        "registry_url": "http://millrace-registry.millrace.svc:8080",
    }
    return ServingSettings(**given | more)


def made(item=None, **more):
    """The objects of a revision by kind."""
    found = manifests.objects(settings(**more), item or revision(), None)
    return {manifest["kind"]: manifest for manifest in found}


def pod(item=None, **more):
    return made(item, **more)["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("placement", "more"),
    [
        ({}, {}),
        (GPU_PLACEMENT, {"triton_backend": "onnxruntime", "triton_replicas": 2}),
        ({}, {"triton_autoscaling": SCALING, "grpc": True}),
    ],
)
def test_every_object_is_valid_for_every_kubernetes(version, placement, more):
    for manifest in made(revision(placement=placement), **more).values():
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(
    ("project", "endpoint", "number"),
    [
        ("default", "flights", 1),
        ("default", "2-legs", 1),
        ("default", "a-" * 31 + "-", 12345),
        ("team-a", "flights", 7),
        ("9", "x", 1),
        ("p" * 63, "e" * 63, 2_000_000_000),
    ],
)
def test_names_and_labels_are_valid_whatever_the_endpoint_is_called(project, endpoint, number):
    item = revision(number, endpoint, project)
    name = names.object_name(project, endpoint, number)
    assert names.DNS_LABEL.match(name)
    assert len(name) <= names.LONGEST
    assert names.parts(item.name) == (project, endpoint, number)
    for value in names.labels(settings(), item).values():
        assert len(value) <= 63
        assert value[-1].isalnum()
        assert value[0].isalnum()


def test_no_two_endpoints_share_a_name():
    pairs = [("a", "b-c"), ("a-b", "c"), ("default", "a-b-c"), ("default", "x" * 62), ("default", "x" * 63)]
    assert len({names.object_name(project, endpoint, 1) for project, endpoint in pairs}) == len(pairs)
    assert names.object_name("default", "flights", 3) == "flights-r3"


def test_the_selector_stays_when_the_version_or_the_run_changes():
    one, two = (made(revision(1, loop="l", run=run))["Deployment"]["spec"] for run in (1, 2))
    assert one["selector"] == two["selector"]
    assert one["template"]["metadata"]["labels"]["millrace.dev/run"] == "1"


def test_pods_are_as_restricted_as_kubernetes_can_demand():
    spec = pod()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()


def test_a_pod_reserves_what_triton_asks_for_and_no_more_for_what_comes_before():
    small = {"requests": {"cpu": "5m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    reserved = amounts.of_pod(pod(triton_resources=small), "nvidia.com/gpu")
    assert (reserved.cpu, reserved.memory) == (0.005, 64 * 2**20)


def test_only_the_container_that_fetches_has_a_token():
    spec = pod()
    (fetch,), (triton,) = spec["initContainers"], spec["containers"]
    assert "token" in {mount["name"] for mount in fetch["volumeMounts"]}
    assert "token" not in {mount["name"] for mount in triton["volumeMounts"]}
    (token,) = [volume for volume in spec["volumes"] if volume["name"] == "token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "millrace"


def test_triton_loads_one_revision_and_keeps_its_admin_pages_to_itself():
    (triton,) = pod(revision(3))["containers"]
    assert "--load-model=flights--r3" in triton["args"]
    assert "--model-control-mode=explicit" in triton["args"]
    assert "--http-address=0.0.0.0" in triton["args"]
    restricted = next(item for item in triton["args"] if item.startswith("--http-restricted-api="))
    assert restricted.endswith(":x-mr-admin=$(POD_UID)")
    assert triton["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.uid"


def test_triton_takes_calls_over_grpc_only_where_they_are_wanted():
    closed, opened = pod(), pod(grpc=True)
    assert "--allow-grpc=false" in closed["containers"][0]["args"]
    told = opened["containers"][0]["args"]
    assert "--grpc-port=8001" in told
    assert "--allow-grpc=false" not in told
    (restricted,) = [item for item in told if item.startswith("--grpc-restricted-protocol=")]
    assert restricted.endswith(":x-mr-admin=$(POD_UID)")
    assert {"model-repository", "shared-memory", "trace"} <= set(
        restricted.split("=")[1].split(":")[0].split(",")
    )
    for more, ports in (({}, {8000, 8002}), ({"grpc": True}, {8000, 8001, 8002})):
        assert {item["port"] for item in made(**more)["Service"]["spec"]["ports"]} == ports
        assert {item["containerPort"] for item in pod(**more)["containers"][0]["ports"]} == ports


def test_a_pod_goes_on_until_every_gateway_has_left_it():
    spec = pod(drain_seconds=20)
    (triton,) = spec["containers"]
    assert triton["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "20"]
    assert spec["terminationGracePeriodSeconds"] > 20 + 30
    deployment = made()["Deployment"]["spec"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert made()["Service"]["spec"]["clusterIP"] == "None"


def test_a_placement_is_added_to_what_the_installation_says():
    item = revision(placement=GPU_PLACEMENT)
    own = {
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "node_selector": {"zone": "a"},
        "image_pull_secrets": [{"name": "all"}],
    }
    spec = pod(item, **own)
    assert spec["nodeSelector"] == {"zone": "a"} | GPU_PLACEMENT["nodeSelector"]
    assert [item["key"] for item in spec["tolerations"]] == ["spot", "nvidia.com/gpu"]
    assert spec["imagePullSecrets"] == [{"name": "all"}, {"name": "pull"}]
    assert spec["runtimeClassName"] == "nvidia"
    (triton,), (fetch,) = spec["containers"], spec["initContainers"]
    assert triton["resources"]["limits"] == {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"}
    assert "--device=KIND_GPU" in fetch["args"]
    assert "--allow-gpu-metrics=true" in triton["args"]


def test_an_autoscaler_takes_the_number_of_pods_over():
    found = made(triton_autoscaling=SCALING)
    assert "replicas" not in found["Deployment"]["spec"]
    scaler = found["HorizontalPodAutoscaler"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert scaler["metrics"][0]["pods"]["target"]["averageValue"] == "5000m"
    assert scaler["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    assert "HorizontalPodAutoscaler" not in made(triton_autoscaling="")


KEY = EngineKey(gpu="NVIDIA-H200", driver="570.86.15", tensorrt="10.13.3", digest="sha256:" + "0" * 64)
ENGINES = {
    "claim": "engines",
    "image": "nvcr.io/nvidia/tensorrt:26.07-py3",
    "gpu": KEY.gpu,
    "driver": KEY.driver,
    "tensorrt": KEY.tensorrt,
}
ON_ENGINE_NODES = {"nvidia.com/gpu.product": KEY.gpu, "nvidia.com/cuda.driver-version.full": KEY.driver}


@pytest.mark.parametrize("field", ["gpu", "driver", "tensorrt", "digest"])
def test_an_engine_is_another_one_on_another_gpu_driver_tensorrt_or_graph(field):
    other = KEY.model_copy(update={field: "other"})
    assert other.text != KEY.text
    assert KEY.model_copy().text == KEY.text


@pytest.mark.parametrize("version", VERSIONS)
def test_an_engine_is_built_on_the_class_of_node_that_serves_it(version):
    item = revision(placement=GPU_PLACEMENT, target="tensorrt-int8")
    given = settings(triton_engines=ENGINES, max_batch_rows=64)
    job = engines.build_job(given, item, given.triton_engines)
    kubernetes_validate.validate(job, version, strict=True)
    assert job["metadata"]["name"] == f"engine-{KEY.text}"
    spec = job["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == ON_ENGINE_NODES
    fetch, builder = spec["initContainers"]
    assert "--target=tensorrt-int8" in fetch["args"]
    assert not any(argument.startswith("--engine") for argument in fetch["args"])
    assert f"--saveEngine=/engines/{KEY.text}.building" in builder["command"]
    assert "--maxShapes=departed:64x1,distance:64x1,origin:64x1" in builder["command"]
    assert not {"--int8", "--fp16", "--best"} & set(builder["command"])
    assert builder["resources"]["limits"]["nvidia.com/gpu"] == "1"
    (sealer,) = spec["containers"]
    assert sealer["command"][-1] == "millrace_serving.triton.engine"
    assert f"--key={KEY.model_dump_json()}" in sealer["args"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pod_that_takes_an_engine_may_only_be_where_it_fits(version):
    given = settings(triton_engines=ENGINES, triton_backend="onnxruntime")
    item = revision(placement=GPU_PLACEMENT, target="tensorrt-int8")
    deployment = manifests.deployment(given, item)
    kubernetes_validate.validate(deployment, version, strict=True)
    spec = deployment["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == ON_ENGINE_NODES
    (fetch,) = spec["initContainers"]
    assert {"--backend=tensorrt", f"--engine={KEY.model_dump_json()}"} <= set(fetch["args"])
    (mounted,) = [item for item in fetch["volumeMounts"] if item["name"] == "engines"]
    assert mounted["readOnly"] is True
    base = manifests.deployment(given, revision(placement=GPU_PLACEMENT))["spec"]["template"]["spec"]
    assert base["nodeSelector"] == GPU_PLACEMENT["nodeSelector"]
    assert "--backend=onnxruntime" in base["initContainers"][0]["args"]


def test_pull_secrets_may_be_names_or_as_kubernetes_writes_them():
    assert settings(image_pull_secrets=["a", {"name": "b"}]).image_pull_secrets == ["a", "b"]
    assert pods.resources(settings(), revision()) == settings().triton_resources
