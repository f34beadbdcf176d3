"""The Job that does a piece of work, like a pipeline where there are no Kubeflow Pipelines. Pure functions."""

from typing import Any

from millrace_controller.pipelines.settings import PipelineSettings
from millrace_controller.pipelines.work import Work

MANAGER = "millrace-controller"
USER = 65532
FOLDER = "/tmp/work"  # noqa: S108
RESULT = "/dev/termination-log"
TOKENS = "/var/run/secrets/millrace.dev"
KEEP_SECONDS = 86_400
GRACE_SECONDS = 5
SERVICES = ("registry", "training", "serving", "monitoring", "controller")


def labels(settings: PipelineSettings, work: Work) -> dict[str, str]:
    """Labels of the Job and of its pod."""
    return {
        "app.kubernetes.io/name": "millrace",
        "app.kubernetes.io/instance": settings.instance or settings.release,
        "app.kubernetes.io/component": work.kind,
        "app.kubernetes.io/managed-by": MANAGER,
        "millrace.dev/project": work.project,
        "millrace.dev/loop": work.loop,
    } | work.labels()


def addresses(settings: PipelineSettings) -> dict[str, str]:
    """Where the work finds the services."""
    known = {f"MILLRACE_{name.upper()}_URL": getattr(settings, f"{name}_url") for name in SERVICES}
    return {name: url for name, url in known.items() if url}


def job(settings: PipelineSettings, work: Work) -> dict[str, Any]:
    """A batch/v1 Job of one pod; whether there is another try is the controller's decision, not its backoff's."""
    marks = labels(settings, work)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": work.name,
            "namespace": settings.workloads_namespace or settings.namespace,
            "labels": marks,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(work.deadline + settings.pending_seconds),
            "ttlSecondsAfterFinished": KEEP_SECONDS,
            "template": {"metadata": {"labels": marks}, "spec": _pod(settings, work)},
        },
    }


def _pod(settings: PipelineSettings, work: Work) -> dict[str, Any]:
    token = {"path": "token", "audience": "millrace", "expirationSeconds": 3600}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": settings.pod(work.kind).service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(settings, work)],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        ],
    }
    optional = {
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
        "nodeSelector": settings.node_selector,
        "tolerations": settings.tolerations,
    }
    return pod | {name: value for name, value in optional.items() if value}


def _container(settings: PipelineSettings, work: Work) -> dict[str, Any]:
    environment = addresses(settings) | {
        "HOME": "/tmp",  # noqa: S108
        "OMP_NUM_THREADS": "1",
        "MILLRACE_RESULT": RESULT,
        "MILLRACE_TOKEN_FILE": f"{TOKENS}/token",
    }
    pod = settings.pod(work.kind)
    return {
        "name": work.kind,
        "image": pod.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", *work.command(settings.runner_pipeline), FOLDER],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "resources": pod.resources,
        "terminationMessagePath": RESULT,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "token", "mountPath": TOKENS, "readOnly": True},
        ],
    }
