"""What a job asks of a cluster with KubeRay: a RayJob, for trials or for workers. Pure functions, as in `manifests`."""

from millrace_contracts.workers import Workers
from millrace_core import pods
from millrace_core.pods import Part
from millrace_training.launch import apart, crews, manifests


def ray_job(order: manifests.Order) -> Part:
    """A RayJob: the agent runs on the head, trials on the workers (on the head if there are none).

    A head that only leads asks for little CPU, so that a cluster fits where a plain job does.
    """
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": manifests.metadata(order),
        "spec": {
            "entrypoint": " ".join(manifests.agent(order)),
            "jobId": order.name,
            "submissionMode": "HTTPMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": min(60, order.settings.job_ttl_seconds),
            "backoffLimit": 0,
            "preRunningDeadlineSeconds": int(order.settings.pending_seconds) + manifests.START_SLACK,
            "activeDeadlineSeconds": order.wall + int(order.settings.pending_seconds) + manifests.START_SLACK,
            "rayClusterSpec": {
                "rayVersion": manifests.RAY_VERSION,
                "authOptions": {"mode": "token"},
                **_shaped(order, _of_trials(order) if order.team is None else _of_workers(order, order.team)),
            },
        },
    }


def _shaped(order: manifests.Order, cluster: Part) -> Part:
    """The cluster, each pod of it with what the installation gives jobs."""
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        group["template"] = manifests.shaped(order, group["template"])
    return cluster


def _of_trials(order: manifests.Order) -> Part:
    """Head and workers for trials."""
    settings, placement = order.settings, order.placement
    workers = settings.ray_workers if placement.workers is None else placement.workers
    head = _ray_pod(
        order, "ray-head", order.cpu if not workers else settings.light_cpu, 0 if workers else order.gpus
    )
    threads = str(order.assignment.threads)
    group = {
        "groupName": "workers",
        "replicas": workers,
        "minReplicas": workers,
        "maxReplicas": workers,
        "rayStartParams": {"num-cpus": threads},
        "template": _ray_worker(order, _ray_pod(order, "ray-worker", order.cpu, order.gpus)),
    }
    return {
        "headGroupSpec": {"rayStartParams": {"num-cpus": "0" if workers else threads}, "template": head},
        "workerGroupSpecs": [group] if workers else [],
    }


def _of_workers(order: manifests.Order, team: Workers) -> Part:
    """Head, and workers that each have the container of the code beside Ray's."""
    settings, code = order.settings, apart.code_of(order.job)
    assert code is not None
    head = crews.scaling_head(team, _ray_pod(order, "ray-head", order.cpu, 0))
    patience = {"name": "MILLRACE_WORKERS_PATIENCE", "value": f"{settings.workers_patience:g}"}
    head["spec"]["containers"][0]["env"].append(patience)
    template = _ray_pod(order, "ray-worker", settings.light_cpu, 0)
    threads = dict.fromkeys(manifests.ONE_THREAD, str(team.cpu))
    asked = crews.code_resources(team, order.memory_mb, settings.gpu_resource)
    template["spec"] = crews.worker(template["spec"], code, settings, threads, asked)
    inside = template["spec"]["initContainers"]
    template["spec"]["tolerations"] = manifests.tolerated(
        settings, manifests.tolerations_asked(order), inside
    )
    _ray_worker(order, template)
    small = {"requests": {"cpu": settings.light_cpu, "memory": "512Mi"}, "limits": {"memory": "512Mi"}}
    return {
        "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": head},
        "workerGroupSpecs": [crews.group(team, template)],
        **crews.scaling(team, small),
    }


def _ray_pod(order: manifests.Order, container: str, cpu: str, gpus: int) -> Part:
    ray = manifests.job_container(
        order, container, manifests.resources(order, cpu, manifests.AGENT_MB + manifests.RAY_MB, gpus)
    )
    ray["env"] += [{"name": name, "value": "1"} for name in manifests.ONE_THREAD]
    ray["env"] += [{"name": "RAY_USAGE_STATS_ENABLED", "value": "0"}]
    ray["env"] += [{"name": "MILLRACE_RAY_ADDRESS", "value": "auto"}]
    ray["volumeMounts"].append(pods.mount("shm", pods.SHARED_MEMORY))
    pod = manifests.pod_of(order, [ray]) | {"restartPolicy": "Never"}
    pod["volumes"].append(pods.shared_memory())
    return {"metadata": {"labels": manifests.labels(order)}, "spec": pod}


def _ray_worker(order: manifests.Order, template: Part) -> Part:
    """A worker may be on a node that is taken away; Ray tries its trials again elsewhere, and training goes on."""
    settings, pod = order.settings, template["spec"]
    pod["tolerations"] = [*pod.get("tolerations", []), *settings.ray_worker_tolerations]
    pod["nodeSelector"] = pod.get("nodeSelector", {}) | settings.ray_worker_node_selector
    return template
