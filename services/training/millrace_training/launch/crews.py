"""Workers that train code of a user's own in a Ray cluster: one pod each, the code's container in it. Pure.

A head leads, on a node that should stay; workers may be on nodes that are taken away, and their number may shrink and
grow between the least and the most that are asked for.
"""

from collections.abc import Mapping

from millrace_contracts.custom_code import CodeSpec
from millrace_contracts.workers import Workers
from millrace_core import pods
from millrace_core.pods import Part
from millrace_training.launch import apart
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

CREW, SCALES = f"{pods.PREFIX}/crew", f"{pods.PREFIX}/scales"
"""Labels of pods whose workers talk to one another, and of heads that ask the API server for more of them."""
IDLE_SECONDS = 300
"""How long the autoscaler leaves a pod without a worker: starts are seconds apart."""


def team_of(job: Job) -> Workers | None:
    """The workers that a job asks for."""
    named = job.spec.get("workers") if job.kind == "train" else None
    return None if named is None else Workers.model_validate(named)


def in_one_pod(team: Workers | None, cpu: str, gpus: int) -> tuple[str, int]:
    """CPUs and GPUs of the code's container where all workers share it, as without KubeRay."""
    return (cpu, gpus) if team is None else (str(team.most * team.cpu), team.most * team.gpu)


def code_resources(team: Workers, memory_mb: int, gpu_resource: str) -> Part:
    """What one worker's container gets."""
    gpus = {gpu_resource: str(team.gpu)} if team.gpu else {}
    both = {"memory": f"{memory_mb}Mi"} | gpus
    return {"requests": {"cpu": str(team.cpu)} | both, "limits": {"cpu": str(team.cpu)} | both}


def worker(
    pod: Part, code: CodeSpec, settings: TrainingSettings, threads: Mapping[str, str], resources: Part
) -> Part:
    """A Ray worker's pod with the container of the code's image."""
    made = apart.container(code, settings, threads, resources)
    made["volumeMounts"] = [*made["volumeMounts"], pods.mount("shm", pods.SHARED_MEMORY)]
    return apart.added(pod, made, f"{settings.job_scratch_mb}Mi")


def group(team: Workers, template: Part) -> Part:
    """The workers as KubeRay wants them; Ray counts GPUs that the code's container has, not its own."""
    return {
        "groupName": "workers",
        "replicas": team.least,
        "minReplicas": team.least,
        "maxReplicas": team.most,
        "rayStartParams": {"num-cpus": str(team.cpu), "num-gpus": str(team.gpu)},
        "template": template,
    }


def scaling(team: Workers, small: Part) -> Part:
    """Fields of a Ray cluster whose number of workers may change. *small*: resources of what asks for them."""
    if team.least == team.most:
        return {}
    options = {
        "version": "v2",
        "idleTimeoutSeconds": IDLE_SECONDS,
        "upscalingMode": "Default",
        "imagePullPolicy": "IfNotPresent",
        "resources": small,
        "securityContext": pods.LOCKED,
        "volumeMounts": [
            pods.api_token_mount(),
            pods.mount("tmp", pods.SCRATCH),
        ],
    }
    return {"enableInTreeAutoscaling": True, "autoscalerOptions": options}


def scaling_head(team: Workers, template: Part) -> Part:
    """The head's pod, with the token of the API server that the autoscaler's container alone mounts."""
    if team.least == team.most:
        return template
    template["metadata"]["labels"] = template["metadata"]["labels"] | {SCALES: "true"}
    template["spec"]["volumes"].append(pods.api_token())
    return template
