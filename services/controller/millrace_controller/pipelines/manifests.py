"""The Job that does a piece of work, like a pipeline where there are no Kubeflow Pipelines. Pure functions."""

from millrace_controller.pipelines.settings import PipelineSettings
from millrace_controller.pipelines.work import Work
from millrace_core import pods

MANAGER = "millrace-controller"
FOLDER = f"{pods.SCRATCH}/work"
RESULT = "/dev/termination-log"
KEEP_SECONDS = 86_400
GRACE_SECONDS = 5


def labels(settings: PipelineSettings, work: Work) -> dict[str, str]:
    """Labels of the Job and of its pod."""
    mine = {f"{pods.PREFIX}/project": work.project, f"{pods.PREFIX}/loop": work.loop}
    return pods.labels(settings, work.kind, MANAGER) | mine | work.labels()


def job(settings: PipelineSettings, work: Work) -> pods.Part:
    """A batch/v1 Job of one pod; whether there is another try is the controller's decision, not its backoff's."""
    marks = labels(settings, work)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": work.name,
            "namespace": settings.workloads,
            "labels": marks,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(
                work.deadline + settings.pending_seconds + settings.shortage_seconds
            ),
            "ttlSecondsAfterFinished": KEEP_SECONDS,
            "template": pods.shaped(
                {"metadata": {"labels": marks}, "spec": _pod(settings, work)}, settings.shape(work.kind)
            ),
        },
    }


def _pod(settings: PipelineSettings, work: Work) -> pods.Part:
    where = pods.Where(settings.node_selector, settings.tolerations, pull_secrets=settings.image_pull_secrets)
    pod = settings.pod(work.kind)
    volumes = [pods.room("tmp", f"{pod.scratch_mb}Mi"), pods.token()]
    spec = pods.hardened(pod.service_account, [_container(settings, work)], volumes, GRACE_SECONDS, where)
    return spec | {"restartPolicy": "Never"}


def _container(settings: PipelineSettings, work: Work) -> pods.Part:
    pod = settings.pod(work.kind)
    environment = settings.addresses | {
        "HOME": pods.SCRATCH,
        "OMP_NUM_THREADS": "1",
        "MILLRACE_RESULT": RESULT,
        "MILLRACE_TOKEN_FILE": pods.TOKEN_FILE,
        "MILLRACE_SCRATCH_MB": str(pod.scratch_mb),
    }
    return pods.container(
        work.kind, pod.image, environment, pod.resources,
        [pods.mount("tmp", pods.SCRATCH), pods.token_mount()],
        command=["python", "-m", *work.command(settings.runner_pipeline), FOLDER],
        terminationMessagePath=RESULT,
    )  # fmt: skip
