"""What a job's object and its pods say about an attempt: waiting, running, over, and why. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace_training.jobs.errors import JobError
from millrace_training.settings import TrainingSettings

Manifest = dict[str, Any]

OVER = ("Complete", "Failed", "FailureTarget", "SuccessCriteriaMet")
"""Conditions of a batch Job after which none of its pods does anything more."""
NO_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
)
NO_CONTAINER = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError")
DRIVEN_OUT = ("Evicted", "Preempting", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity")
"""Reasons with which a kubelet or the scheduler ends a pod that did nothing wrong."""


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt in the cluster; the fields are those of a Sight.

    *reason*: why nothing runs yet, for who watches the job.
    """

    alive: bool
    began: datetime | None = None
    reason: str = ""
    queued: bool = False
    refusal: dict[str, Any] | None = None
    setback: dict[str, Any] | None = None
    excused: bool = False


@dataclass(frozen=True)
class Scene:
    """All that is known of one attempt. *warning*: the last warning event about what does not start."""

    work: Manifest
    pods: list[Manifest]
    memory_mb: int
    waited: float
    warning: str = ""


def judge(scene: Scene, settings: TrainingSettings) -> Verdict:
    """The verdict on one attempt; *scene.waited* is how many seconds ago it was asked for."""
    fatal = _killed(scene, settings)
    if fatal is not None:
        return Verdict(alive=False, refusal=fatal.problem())
    if is_over(scene.work):
        return _over(scene)
    began = min(filter(None, map(_began, scene.pods)), default=None)
    if began is not None and _main_runs(scene):
        return Verdict(alive=True, began=began)
    return _waiting(scene, settings)


def needs_events(scene: Scene) -> bool:
    """Whether the pods alone do not say why nothing runs."""
    runs = any(_began(pod) for pod in scene.pods)
    return not runs and not any(_stuck(pod) or _unschedulable(pod) for pod in scene.pods)


def _killed(scene: Scene, settings: TrainingSettings) -> JobError | None:
    """An end that another attempt would share: its own memory, its own disk, its own time."""
    limit = scene.memory_mb
    for pod in scene.pods:
        if any(item["reason"] == "OOMKilled" for item in _terminated(pod)):
            return JobError(
                "Out of memory",
                f"The job's pod was killed at its memory limit; the job may use {limit} MiB.",
                "Raise limits.memory, or train on fewer rows or columns.",
                memory_limit_mb=limit,
            )
        status = pod.get("status", {})
        text = status.get("message", "")
        if status.get("reason") == "Evicted" and "exceeds" in text:
            mend = f"Raise MILLRACE_JOB_SCRATCH_MB (now {settings.job_scratch_mb}), or train on fewer rows."
            return JobError("Out of disk", text, mend)
        if status.get("reason") == "DeadlineExceeded":
            return _out_of_time(text or "The pod was active longer than it may be.")
    for reason, text in (_failure(scene.work), _ray_failure(scene.work)):
        if reason == "DeadlineExceeded":
            return _out_of_time(text)
    return None


def _out_of_time(text: str) -> JobError:
    return JobError("Out of time", text, "Raise limits.wall, or ask for fewer trials.")


def _over(scene: Scene) -> Verdict:
    reason, text = _failure(scene.work)
    if reason == "PodFailurePolicy" or any(map(_driven_out, scene.pods)):
        return Verdict(alive=False, excused=True, setback=_setback("The job's pod was driven out", text))
    ray, text_of_ray = _ray_failure(scene.work)
    if ray in ("PreRunningDeadlineExceeded", "ValidationFailed"):
        return Verdict(alive=False, refusal=_not_started(scene, text_of_ray).problem())
    last = next((words for pod in scene.pods if (words := _last_words(pod))), "")
    last = last or text or (text_of_ray.strip().splitlines() or [""])[-1]
    return Verdict(alive=False, setback=_setback("The job's pod failed", last) if last else None)


def _setback(title: str, detail: str) -> dict[str, Any]:
    return JobError(title, detail).problem() | {"status": 503}


def _waiting(scene: Scene, settings: TrainingSettings) -> Verdict:
    """Nothing of the job's own runs yet: for how long is that in order?"""
    if scene.work.get("spec", {}).get("suspend"):
        return Verdict(alive=True, queued=True, reason="waits in its queue")
    stuck = next(filter(None, map(_stuck, scene.pods)), None)
    if stuck is not None:
        patience, reason = min(settings.image_seconds, settings.pending_seconds), stuck
    else:
        patience = settings.pending_seconds
        reason = next(filter(None, map(_unschedulable, scene.pods)), "") or scene.warning
    if scene.waited > patience:
        return Verdict(alive=False, refusal=_not_started(scene, reason).problem())
    return Verdict(alive=True, reason=reason or "waits for its pod to start")


def _not_started(scene: Scene, reason: str) -> JobError:
    waited = f"Not started after {scene.waited:.0f} s"
    for pod in scene.pods:
        for name, text in _waits(pod):
            if name in NO_IMAGE:
                detail = f"{waited}: {_image(pod)}: {text or name}."
                mend = "Check the image's name and placement.imagePullSecrets."
                return JobError("The image cannot be pulled", detail, mend)
            if name in NO_CONTAINER:
                mend = "Check the secrets and the service account of the jobs' namespace."
                return JobError("The container cannot be made", f"{waited}: {text or name}.", mend)
    for pod in scene.pods:
        if found := _unschedulable(pod):
            mend = "Free or add nodes, change the placement, ask for less, or raise MILLRACE_PENDING_SECONDS."
            return JobError("No node for the job", f"{waited}: {found}", mend)
    mend = "Look at the events of the jobs' namespace."
    return JobError(
        "The job's pod did not start", f"{waited}: {scene.warning or reason or 'no reason given'}", mend
    )


def is_over(work: Manifest) -> bool:
    """Whether nothing of the attempt will run any more."""
    status = work.get("status", {})
    if work["kind"] == "RayJob":
        return status.get("jobDeploymentStatus") in ("Complete", "Failed")
    return any(item["type"] in OVER and item["status"] == "True" for item in status.get("conditions", []))


def _failure(work: Manifest) -> tuple[str, str]:
    for item in work.get("status", {}).get("conditions", []):
        if item["type"] in ("Failed", "FailureTarget") and item["status"] == "True":
            return item.get("reason", ""), item.get("message", "")
    return "", ""


def _ray_failure(work: Manifest) -> tuple[str, str]:
    status = work.get("status", {})
    if status.get("jobDeploymentStatus") != "Failed":
        return "", ""
    return status.get("reason", ""), status.get("message", "")


def _main_runs(scene: Scene) -> bool:
    """A Ray cluster whose head runs but has no worker yet is not running the job."""
    return scene.work["kind"] != "RayJob" or bool(scene.work.get("status", {}).get("jobStatus"))


def _containers(pod: Manifest) -> list[Manifest]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _terminated(pod: Manifest) -> list[Manifest]:
    """How containers of the pod ended, with a reason each."""
    states = [item.get(name, {}) for item in _containers(pod) for name in ("state", "lastState")]
    return [{"reason": ""} | state["terminated"] for state in states if "terminated" in state]


def _waits(pod: Manifest) -> list[tuple[str, str]]:
    states = [item.get("state", {}).get("waiting") for item in _containers(pod)]
    return [(state.get("reason", ""), state.get("message", "")) for state in states if state]


def _stuck(pod: Manifest) -> str:
    """Why a container of the pod cannot be made; empty: nothing is known to be wrong."""
    wrong = [(name, text) for name, text in _waits(pod) if name in (*NO_IMAGE, *NO_CONTAINER)]
    return f"{wrong[0][0]}: {wrong[0][1]}".rstrip(": ") if wrong else ""


def _unschedulable(pod: Manifest) -> str:
    for item in pod.get("status", {}).get("conditions", []):
        if item["type"] == "PodScheduled" and item["status"] == "False":
            return str(item.get("message") or item.get("reason") or "no node takes the pod")
    return ""


def _driven_out(pod: Manifest) -> bool:
    status = pod.get("status", {})
    marked = any(
        item["type"] == "DisruptionTarget" and item["status"] == "True"
        for item in status.get("conditions", [])
    )
    return marked or status.get("reason") in DRIVEN_OUT


def _began(pod: Manifest) -> datetime | None:
    """When the pod's own container began to run."""
    for item in pod.get("status", {}).get("containerStatuses", []):
        state = item.get("state", {})
        moment = (state.get("running") or state.get("terminated") or {}).get("startedAt")
        if moment:
            return datetime.fromisoformat(moment)
    return None


def _last_words(pod: Manifest) -> str:
    """The last line that the failed container wrote, and how it ended."""
    for item in _terminated(pod):
        if item.get("exitCode"):
            line = (item.get("message") or "").strip().splitlines()[-1:]
            return ": ".join([f"exit code {item['exitCode']}", *line])
    return ""


def _image(pod: Manifest) -> str:
    return str(pod.get("spec", {}).get("containers", [{}])[0].get("image", "the image"))
