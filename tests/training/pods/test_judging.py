"""From what a cluster shows of an attempt to what it means."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace_core.database import utcnow
from millrace_core.waiting import PodWaiting
from millrace_training.jobs import ending
from millrace_training.launch.judging import Scene, judge, needs_events, queued_for
from millrace_training.process.sight import Outcome, Sight
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

BEGAN = "2026-11-21T08:00:00Z"


def job(*conditions, kind="Job", **more):
    return {"kind": kind, "spec": {}, "status": {"conditions": list(conditions)} | more}


def failed(reason, message="the job failed", type="Failed"):
    return {"type": type, "status": "True", "reason": reason, "message": message}


def ray(state, **more):
    return {"kind": "RayJob", "spec": {}, "status": {"jobDeploymentStatus": state} | more}


def pod(state=None, **status):
    containers = [{"state": state}] if state else []
    spec = {"containers": [{"image": "docker.io/millrace/training-cpu:dev"}]}
    return {"metadata": {"name": "p"}, "spec": spec, "status": {"containerStatuses": containers} | status}


RUNNING = pod({"running": {"startedAt": BEGAN}})
UNSCHEDULABLE = pod(
    conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory"}]
)


def waiting(reason, message=""):
    return pod({"waiting": {"reason": reason, "message": message}})


def ended(reason, code=1, message=""):
    return pod({"terminated": {"reason": reason, "exitCode": code, "message": message, "startedAt": BEGAN}})


@pytest.fixture
def verdict(tmp_path):
    settings = TrainingSettings(home=tmp_path, pending_seconds=600, image_seconds=120, shortage_seconds=3600)

    def of(work, *pods, waited=1.0, warning=None, **more):
        return judge(Scene(work, list(pods), 512, waited, warning, **more), settings)

    return of


def test_a_running_pod_is_alive_since_its_container_started(verdict):
    found = verdict(job(), RUNNING, waited=9999)
    assert found.alive
    assert found.began.isoformat() == "2026-11-21T08:00:00+00:00"


def test_a_pod_that_has_not_started_waits_for_so_long_and_no_longer(verdict):
    early = verdict(job(), UNSCHEDULABLE, waited=599)
    assert early.waiting == PodWaiting("Unschedulable", "0/1 nodes: Insufficient memory")
    late = verdict(job(), UNSCHEDULABLE, waited=601)
    assert (late.alive, late.short, late.refusal) == (False, True, None), "it is tried again"
    late = verdict(job(), UNSCHEDULABLE, waited=601, short_for=3601)
    assert (late.alive, late.refusal.title) == (False, "No node for the job")
    assert "Unschedulable: 0/1 nodes: Insufficient memory. Free" in late.refusal.detail
    assert "MILLRACE_PENDING_SECONDS" in late.refusal.detail


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        ("ImagePullBackOff", "The image cannot be pulled"),
        ("ErrImagePull", "The image cannot be pulled"),
        ("InvalidImageName", "The image cannot be pulled"),
        ("CreateContainerConfigError", "The container cannot be made"),
    ],
)
def test_a_container_that_cannot_be_made_has_less_time_and_a_reason(verdict, reason, title):
    stuck = waiting(reason, "what the kubelet said")
    early, said = verdict(job(), stuck, waited=119), reason.replace("ErrImagePull", "ImagePullBackOff")
    assert (early.alive, early.waiting) == (True, PodWaiting(said, "what the kubelet said"))
    late = verdict(job(), stuck, waited=121)
    assert late.refusal.title == title
    assert f"{said}: what the kubelet said" in late.refusal.detail
    assert late.refusal.reason == said


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ('secret "source.team-a.shop" not found',
         "Make the Secret source.team-a.shop with the key password in the namespace jobs."),
        ("couldn't find key password in Secret jobs/source.team-a.shop",
         "Add the key password to the Secret source.team-a.shop in the namespace jobs."),
    ],
)  # fmt: skip
def test_a_secret_that_is_not_there_is_told_with_the_remedy_while_it_waits_and_at_the_end(
    verdict, said, mend
):
    named = {"name": "S", "valueFrom": {"secretKeyRef": {"name": "source.team-a.shop", "key": "password"}}}
    stuck = waiting("CreateContainerConfigError", said)
    stuck["spec"]["containers"][0]["env"] = [{"name": "HOME", "value": "/tmp"}, named]
    work = job() | {"metadata": {"namespace": "jobs"}}
    assert verdict(work, stuck, waited=5).waiting == PodWaiting(
        "CreateContainerConfigError", f"{said}. {mend}"
    )
    assert verdict(work, stuck, waited=121).refusal.detail.endswith(f"{said}. {mend}")


def test_an_image_that_cannot_be_pulled_names_the_secrets_of_its_registry(verdict):
    stuck = waiting("ImagePullBackOff", "denied")
    stuck["spec"]["imagePullSecrets"] = [{"name": "mirror"}]
    late = verdict(job() | {"metadata": {"namespace": "jobs"}}, stuck, waited=121)
    assert "mirror is a Secret of the namespace jobs" in late.refusal.detail


def test_an_image_that_is_being_pulled_has_all_the_time(verdict):
    found = verdict(job(), waiting("ContainerCreating"), waited=590)
    assert (found.alive, found.waiting) == (True, None)


def test_a_job_without_pods_is_explained_by_its_events(verdict):
    assert needs_events(Scene(job(), [], 512, 10))
    assert not needs_events(Scene(job(), [UNSCHEDULABLE], 512, 10))
    full = PodWaiting("QuotaExceeded", "exceeded quota: team-a")
    assert verdict(job(), warning=full).waiting == full
    late = verdict(job(), waited=700, warning=full, short_for=3601).refusal
    assert (late.title, late.reason) == ("No room in the namespace's quota", "QuotaExceeded")
    assert "QuotaExceeded: exceeded quota: team-a. Raise the quota" in late.detail


@pytest.mark.parametrize("kind", ["Job", "RayJob"])
def test_a_queued_job_waits_for_ever(verdict, kind):
    """Kueue holds a job by its `suspend`, before there is any pod."""
    queued = {"kind": kind, "spec": {"suspend": True}, "status": {}}
    found = verdict(queued, waited=1e6)
    assert (found.alive, found.waiting.reason) == (True, "Queued")


def test_the_time_in_kueues_queue_is_none_in_which_the_pod_did_not_start():
    asked = datetime(2026, 11, 21, 5, tzinfo=UTC)
    assert queued_for(job(startTime=BEGAN), asked) == 3 * 3600
    assert queued_for(job(startTime="2026-11-21T04:59:59Z"), asked) == 0, "clocks differ by a second"
    assert queued_for({"kind": "Job"}, asked) == 0


def test_a_job_without_room_counts_the_shortage_and_no_queue(tmp_path):
    settings = TrainingSettings(home=tmp_path, shortage_seconds=3600)
    asked = utcnow() - timedelta(hours=3)
    full = Sight(Outcome(), alive=False, rss=0, short=True, queued=2.9 * 3600)
    later = ending.no_room(Job(attempt_at=asked, shortages=0), full, settings)
    assert later["short_since"] == asked + timedelta(hours=2.9)
    again = Job(attempt_at=utcnow(), short_since=asked, shortages=3)
    assert ending.no_room(again, full, settings)["short_since"] == asked + timedelta(hours=2.9)


def test_a_pod_at_its_memory_limit_is_a_refusal_that_names_it(verdict):
    for work in (job(), job(failed("BackoffLimitExceeded")), ray("Running")):
        found = verdict(work, ended("OOMKilled", 137))
        assert (found.alive, found.refusal.title) == (False, "Out of memory")
        assert "(OOMKilled); the job may use 512 MiB" in found.refusal.detail
        assert found.refusal.reason == "OutOfMemory"


@pytest.mark.parametrize(
    "gone",
    [
        (job(failed("PodFailurePolicy")),),
        (job(failed("PodFailurePolicy", type="FailureTarget")),),
        (
            job(failed("BackoffLimitExceeded")),
            pod(reason="Evicted", message="The node was low on resource: memory."),
        ),
        (job(failed("BackoffLimitExceeded")), pod(reason="NodeLost")),
        (
            ray("Failed", reason="AppFailed"),
            pod(
                conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
            ),
        ),
    ],
)
def test_being_driven_out_is_excused(verdict, gone):
    found = verdict(*gone)
    assert (found.alive, found.excused, found.refusal) == (False, True, None)


def test_eating_the_nodes_disk_is_not_excused(verdict):
    text = 'Usage of EmptyDir volume "job" exceeds the limit "10Gi".'
    found = verdict(job(failed("PodFailurePolicy")), pod(reason="Evicted", message=text))
    assert (found.excused, found.refusal.title) == (False, "Out of disk")


def test_a_failed_pod_leaves_its_last_words(verdict):
    found = verdict(job(failed("BackoffLimitExceeded")), ended("Error", 70, "one\nThe last line.\n"))
    assert (found.alive, found.excused) == (False, False)
    assert found.setback.detail == "exit code 70: The last line."


def test_a_complete_job_needs_no_words(verdict):
    found = verdict(job({"type": "Complete", "status": "True"}), ended("Completed", 0))
    assert (found.alive, found.setback, found.refusal) == (False, None, None)


@pytest.mark.parametrize(
    "late",
    [
        (job(failed("DeadlineExceeded", "Job was active longer than specified deadline")),),
        (job(), pod(reason="DeadlineExceeded", message="Pod was active on the node longer")),
        (
            ray(
                "Failed", reason="DeadlineExceeded", message="The RayJob has passed the activeDeadlineSeconds"
            ),
        ),
    ],
)
def test_a_deadline_is_out_of_time(verdict, late):
    assert verdict(*late).refusal.title == "Out of time"


class TestRay:
    def test_a_head_without_a_worker_is_not_the_job_running(self, verdict):
        found = verdict(ray("Initializing"), RUNNING, UNSCHEDULABLE, waited=30)
        assert (found.alive, found.began, found.waiting.reason) == (True, None, "Unschedulable")
        assert needs_events(Scene(ray("Initializing"), [RUNNING], 512, 30)), "no worker is made at all"
        late = verdict(ray("Initializing"), RUNNING, UNSCHEDULABLE, waited=700, short_for=3601)
        assert late.refusal.title == "No node for the job"

    def test_a_cluster_that_never_starts_is_a_refusal_with_what_the_pods_say(self, verdict):
        over = ray(
            "Failed", reason="PreRunningDeadlineExceeded", message="The RayJob was not running in time"
        )
        assert verdict(over, waiting("ImagePullBackOff")).refusal.title == "The image cannot be pulled"
        assert "not running in time" in verdict(over).refusal.detail

    def test_a_running_job_is_alive(self, verdict):
        assert verdict(ray("Running", jobStatus="RUNNING"), RUNNING).began is not None

    def test_the_last_line_of_a_failed_entrypoint_is_told(self, verdict):
        text = "Job entrypoint command failed with exit code 70, last available logs:\nleft nothing.\n"
        over = ray("Failed", reason="AppFailed", message=text, jobStatus="FAILED")
        assert verdict(over, RUNNING).setback.detail == "left nothing."
