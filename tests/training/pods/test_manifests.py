"""What a job asks of a cluster is what Kubernetes and KubeRay understand, and no more than it may."""

import copy
from dataclasses import replace

import jsonschema
import pytest
from tests.training.pods import strict

from millrace_core.errors import Unavailable
from millrace_training.code import crew
from millrace_training.launch import limits, manifests, names, ray_jobs
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

PLACEMENT = {
    "nodeSelector": {"pool": "train"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "imagePullSecrets": ["mine"],
    "queue": "team-a",
    "priorityClass": "batch-low",
    "gpus": 2,
}


@pytest.fixture
def order(tmp_path):
    """`order(placement, kind=..., **settings)`: one attempt of a job."""

    def make(placement=None, kind="train", limit=None, **more):
        settings = TrainingSettings(
            home=tmp_path,
            platform="kubernetes",
            namespace="millrace",
            job_image="docker.io/millrace/training-cpu:dev",
            training_url="http://millrace-training:8080",
            **more,
        )
        job = Job(id="0123456789abcdef" * 2, project="team-a", key="k", kind=kind, spec={}, attempts=1)
        job.limits = (limit or {"memory_mb": 3072, "wall_seconds": 600}) | (
            {"placement": placement} if placement else {}
        )
        job.loop, job.loop_run = "flights", 7
        return manifests.Order(job, limits.granted(job, settings, 2), settings)

    return make


def pod_of(manifest):
    spec = manifest["spec"]
    return (spec.get("template") or spec["rayClusterSpec"]["headGroupSpec"]["template"])["spec"]


def test_a_job_is_what_kubernetes_understands(order):
    made = manifests.plain_job(order(PLACEMENT, runtime_class="gvisor"))
    strict.check_job(made)
    spec, pod = made["spec"], pod_of(made)
    assert (spec["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert pod["activeDeadlineSeconds"] == 660
    assert spec["activeDeadlineSeconds"] > pod["activeDeadlineSeconds"]
    assert pod["containers"][0]["command"][-2:] == ["0123456789abcdef" * 2, "2"]
    assert made["metadata"]["labels"]["millrace.dev/loop"] == "flights"


def test_a_ray_job_is_what_kuberay_understands(order):
    made = ray_jobs.ray_job(order(PLACEMENT, ray_worker_tolerations=[{"key": "spot", "operator": "Exists"}]))
    strict.check_ray_job(made)
    spec = made["spec"]
    assert (spec["submissionMode"], spec["backoffLimit"]) == ("HTTPMode", 0)
    assert spec["shutdownAfterJobFinishes"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert spec["rayClusterSpec"]["rayVersion"] == "2.60.0"
    assert spec["preRunningDeadlineSeconds"] < spec["activeDeadlineSeconds"]
    workers = spec["rayClusterSpec"]["workerGroupSpecs"][0]
    assert {"key": "spot", "operator": "Exists"} in workers["template"]["spec"]["tolerations"]
    assert {"key": "spot", "operator": "Exists"} not in pod_of(made)["tolerations"]
    assert len(made["metadata"]["name"]) <= 47


def test_the_version_of_ray_is_the_one_that_is_installed():
    import ray

    assert ray.__version__ == manifests.RAY_VERSION


@pytest.mark.parametrize(
    "spoil",
    [
        lambda spec: spec.update(submisionMode="HTTPMode"),
        lambda spec: spec.update(backoffLimit="0"),
        lambda spec: spec["rayClusterSpec"]["headGroupSpec"].pop("template"),
        lambda spec: spec["rayClusterSpec"]["authOptions"].update(mode="tokens"),
    ],
)
def test_a_mistake_in_a_ray_job_would_be_caught(order, spoil):
    made = copy.deepcopy(ray_jobs.ray_job(order()))
    spoil(made["spec"])
    with pytest.raises(jsonschema.ValidationError):
        strict.check_ray_job(made)


def test_without_workers_the_head_runs_the_trials(order):
    made = ray_jobs.ray_job(order({"workers": 0, "gpus": 1}))
    strict.check_ray_job(made)
    cluster = made["spec"]["rayClusterSpec"]
    assert cluster["workerGroupSpecs"] == []
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "1"
    assert pod_of(made)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_with_workers_the_gpus_are_theirs(order):
    made = ray_jobs.ray_job(order({"workers": 3, "gpus": 1}, gpu_resource="nvidia.com/mig-1g.10gb"))
    group = made["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]
    resources = group["template"]["spec"]["containers"][0]["resources"]
    assert (group["replicas"], resources["limits"]["nvidia.com/mig-1g.10gb"]) == (3, "1")
    assert "nvidia.com/mig-1g.10gb" not in pod_of(made)["containers"][0]["resources"]["limits"]


def test_only_pods_that_train_ask_for_gpus_and_may_be_where_gpus_are(order):
    gpus = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    train, validate = (
        pod_of(manifests.plain_job(order({"gpus": 1}, kind=kind))) for kind in ("train", "validate")
    )
    assert train["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert train["tolerations"] == [gpus]
    assert "nvidia.com/gpu" not in validate["containers"][0]["resources"]["limits"]
    assert validate.get("tolerations", []) == []
    assert pod_of(manifests.plain_job(order())).get("tolerations", []) == []


@pytest.mark.parametrize("make", [manifests.plain_job, ray_jobs.ray_job])
def test_every_pod_is_restricted_and_its_memory_is_the_jobs(order, make):
    made = make(order(limit={"memory_mb": 512, "wall_seconds": None}))
    pod = pod_of(made)
    container = pod["containers"][0]
    assert not pod["automountServiceAccountToken"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    memory = int(container["resources"]["limits"]["memory"][:-2])
    assert 512 <= memory <= 512 + manifests.AGENT_MB + manifests.RAY_MB
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
    written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert written <= {"/job", "/tmp", "/dev/shm"}
    environment = {item["name"] for item in container["env"]}
    assert "MILLRACE_TOKEN_FILE" in environment
    assert "MILLRACE_TOKEN" not in environment


def test_a_queue_is_named_only_if_there_is_one(order):
    label = "kueue.x-k8s.io/queue-name"
    assert label not in manifests.plain_job(order())["metadata"]["labels"]
    assert manifests.plain_job(order(job_queue="all"))["metadata"]["labels"][label] == "all"
    assert ray_jobs.ray_job(order(PLACEMENT, job_queue="all"))["metadata"]["labels"][label] == "team-a"
    assert label not in pod_of(manifests.plain_job(order(PLACEMENT)))


def test_settings_and_placement_come_together(order):
    made = order(
        PLACEMENT,
        node_selector={"arch": "x"},
        image_pull_secrets=["ours", "mine"],
        tolerations=[{"key": "a"}],
    )
    pod = pod_of(manifests.plain_job(made))
    assert pod["nodeSelector"] == {"arch": "x", "pool": "train"}
    assert pod["imagePullSecrets"] == [{"name": "ours"}, {"name": "mine"}]
    assert [item["key"] for item in pod["tolerations"]] == ["a", "nvidia.com/gpu"]
    assert pod["priorityClassName"] == "batch-low"


@pytest.mark.parametrize(
    ("kind", "field", "table"), [("score", "sink", "scored"), ("gather", "source", "sales")]
)
def test_what_scores_finds_its_secrets_the_same_way(order, kind, field, table):
    made = order(kind=kind)
    connection = {"secretRef": {"name": "shop", "key": "uri"}}
    made.job.spec = {field: {"sql": {"connection": connection, "table": table}}}
    job = manifests.plain_job(made)
    strict.check_job(job)
    (found,) = [
        item for item in pod_of(job)["containers"][0]["env"] if item["name"].startswith("SOURCE_SECRET_")
    ]
    assert found["valueFrom"] == {"secretKeyRef": {"name": "source.team-a.shop", "key": "uri"}}
    made.job.spec = {field: None}
    assert "SOURCE_SECRET" not in str(manifests.plain_job(made))


def test_reading_data_asks_for_less_than_training(order):
    def asked(kind):
        pod = pod_of(manifests.plain_job(order(kind=kind, job_cpu="2")))
        return pod["containers"][0]["resources"]["requests"]["cpu"]

    assert (asked("train"), asked("ingest")) == ("2", "250m")


def test_each_attempt_has_its_own_name():
    names = {manifests.name(kind, "f" * 32, attempt) for kind in ("train", "evaluate") for attempt in (1, 12)}
    assert len(names) == 4
    assert max(map(len, names)) <= 47


def test_a_source_finds_its_secrets_in_variables_and_only_in_those_of_its_project(order):
    made = order(kind="pull", source_hosts=["data.example"])
    secret = {"secretRef": {"name": "shop", "key": "uri"}}
    made.job.spec = {"source": {"sql": {"connection": secret, "table": "sales"}}}
    job = manifests.plain_job(made)
    strict.check_job(job)
    env = {item["name"]: item for item in pod_of(job)["containers"][0]["env"]}
    (name,) = [name for name in env if name.startswith("SOURCE_SECRET_")]
    assert env[name]["valueFrom"] == {"secretKeyRef": {"name": "source.team-a.shop", "key": "uri"}}
    assert env["MILLRACE_SOURCE_HOSTS"]["value"] == '["data.example"]'
    made.job.kind = "ingest"
    assert "SOURCE_SECRET" not in str(manifests.plain_job(made))


CODE = {
    "digest": f"sha256:{'0' * 64}",
    "image": "registry.example/torch@sha256:9f1c",
    "python": "python3.12",
}


class TestCodeOfOnesOwn:
    def made(self, order, **more):
        asked = replace(order({"gpus": 1}), hosts={"10.96.0.7": ["millrace-registry", "millrace-training"]})
        asked.job.spec = {"code": CODE | more}
        manifest = manifests.plain_job(asked)
        strict.check_job(manifest)
        return manifest

    def test_it_runs_in_its_image_beside_the_job_without_a_token(self, order):
        pod = pod_of(self.made(order))
        (own,), (code,) = pod["containers"], pod["initContainers"]
        assert (code["image"], code["command"][0]) == ("registry.example/torch@sha256:9f1c", "python3.12")
        assert code["restartPolicy"] == "Always", "it runs beside the job's container, and ends with it"
        assert [mount["name"] for mount in code["volumeMounts"]] == ["code", "code-tmp"]
        assert not [
            item for item in code["env"] if "TOKEN" in item["name"] or item["name"].startswith("MILLRACE")
        ]
        assert code["securityContext"] == own["securityContext"]
        assert code["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert "nvidia.com/gpu" not in own["resources"]["limits"]
        assert {"name": "MILLRACE_CODE_FOLDER", "value": "/code"} in own["env"]

    def test_only_code_that_may_use_the_network_does(self, order):
        assert self.made(order)["spec"]["template"]["metadata"]["labels"]["millrace.dev/apart"] == "true"
        open_ = self.made(order, network=True)["spec"]["template"]["metadata"]["labels"]
        assert "millrace.dev/apart" not in open_

    def test_what_may_not_use_the_network_looks_up_no_name_and_knows_our_services(self, order):
        pod = pod_of(self.made(order))
        assert pod["dnsPolicy"] == "None"
        assert pod["dnsConfig"]["nameservers"] == ["127.0.0.1"]
        assert pod["hostAliases"] == [
            {"ip": "10.96.0.7", "hostnames": ["millrace-registry", "millrace-training"]}
        ]
        assert {"dnsPolicy", "hostAliases"}.isdisjoint(pod_of(self.made(order, network=True)))
        assert {"dnsPolicy", "hostAliases"}.isdisjoint(pod_of(manifests.plain_job(order())))

    async def test_services_are_looked_up_when_the_pod_is_made(self, order):
        settings = order().settings.model_copy(
            update={"training_url": "http://localhost:8080", "registry_url": "http://127.0.0.9:8080"}
        )
        (found,) = (await names.known(settings)).values()
        assert found == ["localhost"], "an address needs no name"
        gone = settings.model_copy(update={"registry_url": "http://registry.invalid:8080"})
        with pytest.raises(Unavailable, match=r"registry\.invalid"):
            await names.known(gone)

    def test_without_an_image_it_is_the_jobs_own(self, order):
        (code,) = pod_of(self.made(order, image=None, python=None))["initContainers"]
        assert (code["image"], code["command"][0]) == ("docker.io/millrace/training-cpu:dev", "python")


TEAM = {"least": 1, "most": 4, "cpu": 4, "gpu": 2}
SPOT = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}


class TestWorkersOfCodeOfOnesOwn:
    def made(self, order, make=ray_jobs.ray_job, team=None, **code):
        asked = order({"nodeSelector": {"pool": "train"}}, ray_worker_tolerations=[SPOT])
        asked.job.spec = {"code": CODE | code, "executor": "ray", "workers": team or TEAM}
        return make(asked)

    def groups(self, manifest):
        cluster = manifest["spec"]["rayClusterSpec"]
        (group,) = cluster["workerGroupSpecs"]
        return cluster, group, group["template"]["spec"]

    def test_each_has_a_pod_with_the_container_of_the_code_and_its_gpus(self, order):
        made = self.made(order)
        strict.check_ray_job(made)
        cluster, group, pod = self.groups(made)
        (ray,), (code,) = pod["containers"], pod["initContainers"]
        assert (code["image"], code["restartPolicy"]) == (CODE["image"], "Always")
        assert code["resources"]["limits"] == {"cpu": "4", "memory": "3072Mi", "nvidia.com/gpu": "2"}
        assert code["resources"]["requests"]["nvidia.com/gpu"] == "2"
        assert "nvidia.com/gpu" not in ray["resources"]["limits"]
        assert group["rayStartParams"] == {"num-cpus": "4", "num-gpus": "2"}, "Ray counts the code's GPUs"
        assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}, "no worker on the head"
        assert {"name": "MILLRACE_CODE_FOLDER", "value": "/code"} in ray["env"]
        assert {"name": "OMP_NUM_THREADS", "value": "4"} in code["env"]
        assert "/dev/shm" in [mount["mountPath"] for mount in code["volumeMounts"]], (
            "loaders and NCCL need it"
        )

    def test_workers_alone_may_be_on_nodes_that_are_taken_away(self, order):
        cluster, _, pod = self.groups(self.made(order))
        assert [item["key"] for item in pod["tolerations"]] == ["nvidia.com/gpu", "spot"]
        assert pod["nodeSelector"] == {"pool": "train"}
        assert "spot" not in str(cluster["headGroupSpec"]["template"]["spec"].get("tolerations", []))

    def test_the_code_has_no_token_and_its_workers_may_talk(self, order):
        made = self.made(order)
        _, group, pod = self.groups(made)
        (code,) = pod["initContainers"]
        assert not [item for item in code["env"] if "TOKEN" in item["name"]]
        assert not [mount for mount in code["volumeMounts"] if "secrets" in mount["mountPath"]]
        for labels in (made["metadata"]["labels"], group["template"]["metadata"]["labels"]):
            assert labels["millrace.dev/apart"] == labels["millrace.dev/crew"] == "true"

    def test_a_number_that_may_change_is_the_autoscalers_and_its_token_nobody_elses(self, order):
        cluster, group, _ = self.groups(self.made(order))
        assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (1, 1, 4)
        assert cluster["enableInTreeAutoscaling"]
        head = cluster["headGroupSpec"]["template"]
        assert head["metadata"]["labels"]["millrace.dev/scales"] == "true"
        mounted = [mount["name"] for item in head["spec"]["containers"] for mount in item["volumeMounts"]]
        assert "api" not in mounted
        patience = {"name": crew.PATIENCE, "value": "120"}
        assert patience in head["spec"]["containers"][0]["env"]
        assert "api" in [mount["name"] for mount in cluster["autoscalerOptions"]["volumeMounts"]]
        assert "api" in [volume["name"] for volume in head["spec"]["volumes"]]
        assert cluster["autoscalerOptions"]["securityContext"]["readOnlyRootFilesystem"]

    def test_a_fixed_number_asks_the_api_server_for_nothing(self, order):
        made = self.made(order, team={"least": 3, "most": 3, "cpu": 1, "gpu": 0})
        strict.check_ray_job(made)
        cluster, group, pod = self.groups(made)
        assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (3, 3, 3)
        assert "enableInTreeAutoscaling" not in cluster
        assert "autoscalerOptions" not in cluster
        assert "millrace.dev/scales" not in str(cluster)
        assert "nvidia.com/gpu" not in str(pod)

    def test_a_mistake_in_it_would_be_caught(self, order):
        made = self.made(order)
        made["spec"]["rayClusterSpec"]["autoscalerOptions"]["idleSeconds"] = 1
        with pytest.raises(jsonschema.ValidationError):
            strict.check_ray_job(made)

    def test_without_kuberay_all_share_one_pod_that_is_as_large(self, order):
        made = self.made(order, manifests.plain_job)
        strict.check_job(made)
        (code,) = pod_of(made)["initContainers"]
        assert code["resources"]["limits"] == {"cpu": "16", "memory": "3072Mi", "nvidia.com/gpu": "8"}
        assert code["resources"]["requests"]["cpu"] == "16"
