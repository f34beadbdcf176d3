"""What a job's object and its pods say about an attempt: waiting, running, over, and why. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from millrace_contracts.jobs import Problem
from millrace_core.pods import Part
from millrace_core.waiting import (
    MORE_QUOTA,
    NO_CONTAINER,
    NO_IMAGE,
    OUT_OF_MEMORY,
    QUEUED,
    QUOTA,
    PodWaiting,
    containers,
    of_containers,
    of_pod,
    of_scheduling,
)
from millrace_training.runtime.errors import JobError
from millrace_training.settings import TrainingSettings

OVER = ("Complete", "Failed", "FailureTarget", "SuccessCriteriaMet")
"""Conditions of a batch Job after which none of its pods does anything more."""
DRIVEN_OUT = ("Evicted", "Preempting", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity")
"""Reasons with which a kubelet or the scheduler ends a pod that did nothing wrong."""

NO_SECRET = re.compile(r'secret "([^"]+)" not found')
NO_KEY = re.compile(r"couldn't find key (\S+) in Secret ([^/\s]+)/(\S+)")
"""How a kubelet says that a Secret, or a key of one, is not there."""


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt in the cluster; the fields are those of a Sight.

    *waiting*: what keeps it from running that will not pass by itself, for who watches the job.
    """

    alive: bool
    began: datetime | None = None
    waiting: PodWaiting | None = None
    refusal: Problem | None = None
    setback: Problem | None = None
    excused: bool = False
    short: bool = False


@dataclass(frozen=True)
class Scene:
    """All that is known of one attempt.

    *waited*: seconds for which it could have begun, those in Kueue's queue left out. *warning*: what the last warning
    event says about what does not start. *short_for*: seconds for which there was no room for the job, those of earlier
    attempts among them. *never*: it is known that no node could hold it.
    """

    work: Part
    pods: list[Part]
    memory_mb: int
    waited: float
    warning: PodWaiting | None = None
    short_for: float = 0.0
    never: bool = False


def queued_for(work: Part, asked: datetime) -> float:
    """Seconds for which Kueue kept the attempt in its queue: a Job's start time is set when it is let go on."""
    begun = (work.get("status") or {}).get("startTime")
    return 0.0 if begun is None else max(0.0, (datetime.fromisoformat(begun) - asked).total_seconds())


def judge(scene: Scene, settings: TrainingSettings) -> Verdict:
    """The verdict on one attempt."""
    fatal = _killed(scene, settings)
    if fatal is not None:
        return Verdict(alive=False, refusal=fatal.problem())
    if is_over(scene.work):
        return _over(scene, settings)
    began = min(filter(None, map(_began, scene.pods)), default=None)
    if began is not None and _main_runs(scene):
        return Verdict(alive=True, began=began)
    return _waiting(scene, settings)


def needs_events(scene: Scene) -> bool:
    """Whether the pods alone do not say why nothing runs."""
    runs = any(_began(pod) for pod in scene.pods) and _main_runs(scene)
    return not runs and not any(map(of_pod, scene.pods))


def _killed(scene: Scene, settings: TrainingSettings) -> JobError | None:
    """An end that another attempt would share: its own memory, its own disk, its own time."""
    limit = scene.memory_mb
    for pod in scene.pods:
        if any(item["reason"] == "OOMKilled" for item in _terminated(pod)):
            return JobError(
                "Out of memory",
                f"The job's pod was killed at its memory limit (OOMKilled); the job may use {limit} MiB.",
                "Raise limits.memory, or train on fewer rows or columns.",
                memory_limit_mb=limit,
                reason=OUT_OF_MEMORY,
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


def _over(scene: Scene, settings: TrainingSettings) -> Verdict:
    reason, text = _failure(scene.work)
    if reason == "PodFailurePolicy" or any(map(_driven_out, scene.pods)):
        return Verdict(alive=False, excused=True, setback=_setback("The job's pod was driven out", text))
    ray, text_of_ray = _ray_failure(scene.work)
    if ray == "PreRunningDeadlineExceeded" and _is_short(scene, settings):
        return Verdict(alive=False, short=True, waiting=_shortage(scene))
    if ray in ("PreRunningDeadlineExceeded", "ValidationFailed"):
        return Verdict(alive=False, refusal=_not_started(scene, text_of_ray).problem())
    last = next((words for pod in scene.pods if (words := _last_words(pod))), "")
    last = last or text or (text_of_ray.strip().splitlines() or [""])[-1]
    return Verdict(alive=False, setback=_setback("The job's pod failed", last) if last else None)


def _setback(title: str, detail: str) -> Problem:
    return JobError(title, detail).problem(status=503)


def _waiting(scene: Scene, settings: TrainingSettings) -> Verdict:
    """Nothing of the job's own runs yet: for how long is that in order?"""
    if scene.work.get("spec", {}).get("suspend"):
        return Verdict(alive=True, waiting=PodWaiting(QUEUED, "It waits in its queue."))
    stuck = _first(of_containers, scene)
    patience = min(settings.image_seconds, settings.pending_seconds) if stuck else settings.pending_seconds
    reason = stuck or _first(of_scheduling, scene) or scene.warning
    if scene.waited > patience and _is_short(scene, settings):
        return Verdict(alive=False, short=True, waiting=_shortage(scene))
    if scene.waited > patience:
        return Verdict(alive=False, refusal=_not_started(scene).problem())
    mend = _secret(reason, scene) if reason else ""
    if reason and mend:
        reason = replace(reason, message=f"{reason.message}. {mend}")
    return Verdict(alive=True, waiting=reason)


def _is_short(scene: Scene, settings: TrainingSettings) -> bool:
    """Whether there is only no room for it at present, and that not for too long."""
    there = _shortage(scene) is not None and _first(of_containers, scene) is None and not scene.never
    return there and max(scene.short_for, scene.waited) < settings.shortage_seconds


def _shortage(scene: Scene) -> PodWaiting | None:
    """No node that is free, or a quota that is used up."""
    full = scene.warning if scene.warning is not None and scene.warning.reason == QUOTA else None
    return _first(of_scheduling, scene) or full


def _first(of: Callable[[Part], PodWaiting | None], scene: Scene) -> PodWaiting | None:
    return next(filter(None, map(of, scene.pods)), None)


def _not_started(scene: Scene, said: str = "") -> JobError:
    """The end of waiting; *said*: what the object itself gives for a reason."""
    cause = _first(of_containers, scene) or _first(of_scheduling, scene) or scene.warning
    title, mend = _explained(cause, scene)
    what = str(cause or said or "no reason given").rstrip(".")
    detail = f"Not started after {scene.waited:.0f} s: {what}."
    return JobError(title, detail, mend, **({"reason": cause.reason} if cause else {}))


def _explained(cause: PodWaiting | None, scene: Scene) -> tuple[str, str]:
    """In a title what has kept an attempt from starting, and what would mend it."""
    if cause is not None and cause.reason in NO_IMAGE:
        return "The image cannot be pulled", _image_mend(
            next(pod for pod in scene.pods if of_containers(pod)), scene
        )
    if cause is not None and cause.reason in NO_CONTAINER:
        mend = "Check the secrets and the service account of the jobs' namespace."
        return "The container cannot be made", _secret(cause, scene) or mend
    if _first(of_scheduling, scene):
        mend = "Free or add nodes, change the placement, ask for less, or raise MILLRACE_PENDING_SECONDS."
        return "No node for the job", mend
    if cause is not None and cause.reason == QUOTA:
        return "No room in the namespace's quota", MORE_QUOTA
    return "The job's pod did not start", "Look at the events of the jobs' namespace."


def _secret(cause: PodWaiting, scene: Scene) -> str:
    """What would mend a Secret, or a key of one, that is not there; empty if it is something else."""
    if key := NO_KEY.search(cause.message):
        return f"Add the key {key[1]} to the Secret {key[3]} in the namespace {key[2]}."
    if missing := NO_SECRET.search(cause.message):
        keys = [key for pod in scene.pods for name, key in _wanted(pod) if name == missing[1]]
        having = f" with the key {', '.join(dict.fromkeys(keys))}" if keys else ""
        return f"Make the Secret {missing[1]}{having} in the namespace {_namespace(scene)}."
    return ""


def _wanted(pod: Part) -> list[tuple[str, str]]:
    """Secret and key of every variable of the pod that is one."""
    items = [item for one in pod.get("spec", {}).get("containers", []) for item in one.get("env", [])]
    refs = [item.get("valueFrom", {}).get("secretKeyRef") for item in items]
    return [(ref["name"], ref["key"]) for ref in refs if ref]


def _namespace(scene: Scene) -> str:
    return str(scene.work.get("metadata", {}).get("namespace", "of the jobs"))


def _image_mend(pod: Part, scene: Scene) -> str:
    """The image's name, and the Secrets with which it would be pulled."""
    secrets = [item["name"] for item in pod.get("spec", {}).get("imagePullSecrets", [])]
    there = (
        f", and that {', '.join(secrets)} is a Secret of the namespace {_namespace(scene)}" if secrets else ""
    )
    return f"Check the image's name ({_image(pod)}) and placement.imagePullSecrets{there}."


def is_over(work: Part) -> bool:
    """Whether nothing of the attempt will run any more."""
    status = work.get("status", {})
    if work["kind"] == "RayJob":
        return status.get("jobDeploymentStatus") in ("Complete", "Failed")
    return any(item["type"] in OVER and item["status"] == "True" for item in status.get("conditions", []))


def _failure(work: Part) -> tuple[str, str]:
    for item in work.get("status", {}).get("conditions", []):
        if item["type"] in ("Failed", "FailureTarget") and item["status"] == "True":
            return item.get("reason", ""), item.get("message", "")
    return "", ""


def _ray_failure(work: Part) -> tuple[str, str]:
    status = work.get("status", {})
    if status.get("jobDeploymentStatus") != "Failed":
        return "", ""
    return status.get("reason", ""), status.get("message", "")


def _main_runs(scene: Scene) -> bool:
    """A Ray cluster whose head runs but has no worker yet is not running the job."""
    return scene.work["kind"] != "RayJob" or bool(scene.work.get("status", {}).get("jobStatus"))


def _terminated(pod: Part) -> list[Part]:
    """How containers of the pod ended, with a reason each."""
    states = [item.get(name, {}) for item in containers(pod) for name in ("state", "lastState")]
    return [{"reason": ""} | state["terminated"] for state in states if "terminated" in state]


def _driven_out(pod: Part) -> bool:
    status = pod.get("status", {})
    marked = any(
        item["type"] == "DisruptionTarget" and item["status"] == "True"
        for item in status.get("conditions", [])
    )
    return marked or status.get("reason") in DRIVEN_OUT


def _began(pod: Part) -> datetime | None:
    """When the pod's own container began to run."""
    for item in pod.get("status", {}).get("containerStatuses", []):
        state = item.get("state", {})
        moment = (state.get("running") or state.get("terminated") or {}).get("startedAt")
        if moment:
            return datetime.fromisoformat(moment)
    return None


def _last_words(pod: Part) -> str:
    """The last line that the failed container wrote, and how it ended."""
    for item in _terminated(pod):
        if item.get("exitCode"):
            line = (item.get("message") or "").strip().splitlines()[-1:]
            return ": ".join([f"exit code {item['exitCode']}", *line])
    return ""


def _image(pod: Part) -> str:
    return str(pod.get("spec", {}).get("containers", [{}])[0].get("image", "the image"))
