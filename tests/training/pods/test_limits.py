"""Jobs in pods end: by request, by their limits, by what the cluster cannot give; and they outlive their service."""

import pytest


def _warning(name, reason, message, time="1"):
    return {"involvedObject": {"name": name}, "reason": reason, "message": message, "lastTimestamp": time}


class TestStopping:
    def test_a_cancelled_job_stops_by_itself_and_leaves_no_pod(self, start, cluster):
        service = start()
        id = service.submit("count", trials=2, hold=1)
        service.done(id, 1)
        pod = cluster.of(id)
        assert service.http.post(f"/v1/jobs/{id}:cancel").status_code == 200
        assert service.ended(id)["state"] == "cancelled"
        assert pod.process.wait(10) is not None

    def test_a_job_that_does_not_stop_is_deleted_with_its_pods(self, start, cluster):
        service = start(cancel_seconds=0.5)
        id = service.submit("pooled", pause=60)
        service.until(id, lambda job: job["peak_rss_bytes"] > 0)
        name = cluster.of(id).name
        service.http.post(f"/v1/jobs/{id}:cancel")
        assert service.ended(id)["state"] == "cancelled"
        assert (name, True) in cluster.deleted

    def test_a_job_over_its_time_is_deleted(self, start, cluster):
        service = start()
        id = service.submit("pooled", pause=60, limits={"wall_seconds": 2})
        done = service.ended(id)
        assert (done["state"], done["error"]["title"]) == ("failed", "Out of time")
        assert cluster.objects == {}


class TestMemory:
    def test_a_pod_killed_at_its_memory_limit_fails_the_job_with_the_limit(self, start, cluster):
        service = start()
        id = service.submit("count", trials=2, hold=1, limits={"memory_mb": 300})
        service.done(id, 1)
        cluster.kill(id)
        cluster.of(id).reason = "OOMKilled"
        done = service.ended(id)
        assert (done["state"], done["attempts"], done["error"]["title"]) == ("failed", 1, "Out of memory")
        assert "300 MiB" in done["error"]["detail"]
        assert "limits.memory" in done["error"]["detail"]

    @pytest.mark.slow
    def test_a_job_that_grows_past_its_memory_is_stopped_with_its_peak(self, start):
        service = start()
        done = service.ended(service.submit("eat", limits={"memory_mb": 200}))
        assert (done["state"], done["error"]["title"]) == ("failed", "Out of memory")
        assert "it may use 200 MiB" in done["error"]["detail"]


class TestWaiting:
    def test_an_image_that_cannot_be_pulled_fails_the_job_within_its_deadline(self, start, cluster):
        service = start(image_seconds=1.5)
        cluster.stuck = ("waiting", "ImagePullBackOff", "Back-off pulling image: not found")
        id = service.submit("count", trials=1)
        seen = service.until(id, lambda job: job["waiting"] is not None)
        assert (seen["progress"]["step"], "ImagePullBackOff" in seen["progress"]["message"]) == (
            "pending",
            True,
        )
        assert seen["waiting"] == {
            "reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"
        }  # fmt: skip
        done = service.ended(id)
        assert done["waiting"] is None
        assert (done["state"], done["error"]["title"]) == ("failed", "The image cannot be pulled")
        assert "not found" in done["error"]["detail"]
        assert "imagePullSecrets" in done["error"]["detail"]
        assert cluster.objects == {}

    def test_a_pod_without_a_node_fails_the_job_with_the_schedulers_words(self, start, cluster):
        service = start(pending_seconds=1, shortage_seconds=3, shortage_pause=0.2)
        words = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
        cluster.stuck = ("unschedulable", words)
        id = service.submit("count", trials=1, limits={"placement": {"gpus": 9}})
        seen = service.until(id, lambda job: job["waiting"])
        assert (seen["state"], seen["waiting"]) == ("running", {"reason": "Unschedulable", "message": words})
        again = service.until(id, lambda job: job["attempts"] == 2 or job["state"] == "queued")
        assert again["error"] is None, "it is tried again, and has not failed"
        done = service.ended(id)
        assert done["attempts"] >= 3
        assert done["error"]["reason"] == "Unschedulable"
        assert (done["state"], done["error"]["title"]) == ("failed", "No node for the job")
        assert "Insufficient nvidia.com/gpu" in done["error"]["detail"]

    def test_a_pod_that_says_nothing_is_explained_by_its_events(self, start, cluster):
        service = start(pending_seconds=2)
        cluster.stuck = ("waiting", "ContainerCreating", "")
        id = service.submit("count", trials=1)
        service.until(id, lambda job: job["state"] == "running")
        cluster.events = [
            _warning(f"train-{id}-1", "FailedCreate", "exceeded quota: it had to wait for its pod", "3"),
            _warning(f"train-{id}-1-abcde", "FailedMount", 'secret "data" not found', "1"),
            _warning(f"train-{id}-1-abcde", "FailedScheduling", "it had to wait for a node", "2"),
        ]
        seen = service.until(id, lambda job: job["waiting"])
        told = 'secret "data" not found. Make the Secret data in the namespace millrace.'
        assert seen["waiting"] == {"reason": "FailedMount", "message": told}
        done = service.ended(id)
        assert done["error"]["title"] == "The job's pod did not start"
        assert 'FailedMount: secret "data" not found' in done["error"]["detail"]

    def test_a_quota_that_lets_no_pod_be_made_is_told_while_the_job_waits_and_when_it_fails(
        self, start, cluster
    ):
        service = start(pending_seconds=2, shortage_seconds=1)
        cluster.stuck = ("unmade",)
        id = service.submit("count", trials=1)
        words = 'Error creating: pods "x" is forbidden: exceeded quota: team-a, requested: cpu=1'
        cluster.events = [_warning(f"train-{id}-1", "FailedCreate", words)]
        seen = service.until(id, lambda job: job["waiting"])
        assert (seen["state"], seen["waiting"]["reason"]) == ("running", "QuotaExceeded")
        assert seen["waiting"]["message"] == words
        done = service.ended(id)
        assert done["error"]["title"] == "No room in the namespace's quota"
        assert f"QuotaExceeded: {words}" in done["error"]["detail"]

    def test_a_job_whose_pod_starts_after_all_waits_for_nothing_more(self, start, cluster):
        service = start()
        cluster.stuck = ("unschedulable", "0/3 nodes are available: 3 Insufficient cpu.")
        id = service.submit("count", trials=2)
        service.until(id, lambda job: job["waiting"])
        cluster.stuck = None
        cluster.begin(id)
        done = service.ended(id)
        assert (done["state"], done["attempts"], done["waiting"]) == ("succeeded", 1, None)

    def test_what_the_cluster_refuses_fails_at_once_with_its_reason(self, start, cluster):
        service = start()
        cluster.refuse = "jobs.batch is forbidden: the account may not make any"
        done = service.ended(service.submit("count", trials=1))
        assert (done["state"], done["error"]["title"]) == ("failed", "The cluster refused the job")
        assert "may not make any" in done["error"]["detail"]

    def test_a_quota_of_jobs_that_is_used_up_is_asked_again_until_it_has_room(self, start, cluster):
        service = start(shortage_pause=0.2)
        cluster.refuse = 'jobs.batch is forbidden: exceeded quota: "team-a"'
        id = service.submit("count", trials=1)
        seen = service.until(id, lambda job: job["state"] == "queued" and job["waiting"])
        assert seen["waiting"]["reason"] == "QuotaExceeded"
        for words in ('exceeded quota: "team-a"', "tried again at", "given up at"):
            assert words in seen["waiting"]["message"]
        cluster.refuse = ""
        assert service.ended(id)["state"] == "succeeded"

    def test_a_quota_of_jobs_that_never_has_room_fails_the_job_in_time_with_what_mends_it(
        self, start, cluster
    ):
        service = start(shortage_pause=0.2, shortage_seconds=1)
        cluster.refuse = 'jobs.batch is forbidden: exceeded quota: "team-a"'
        done = service.ended(service.submit("count", trials=1))
        assert (done["state"], done["error"]["title"]) == ("failed", "No room in the namespace's quota")
        assert 'exceeded quota: "team-a". Raise the quota' in done["error"]["detail"]
        assert (done["error"]["reason"], done["attempts"] >= 2) == ("QuotaExceeded", True)

    def test_a_quota_that_is_known_to_let_in_no_job_at_all_fails_it_at_once(self, start, cluster):
        service = start()
        cluster.refuse = 'jobs.batch is forbidden: exceeded quota: "none"'
        cluster.quotas = [
            {"metadata": {"name": "none"}, "spec": {}, "status": {"hard": {"count/jobs.batch": "0"}}}
        ]
        done = service.ended(service.submit("count", trials=1))
        assert (done["attempts"], done["error"]["title"]) == (1, "No room in the namespace's quota")

    def test_a_job_that_the_quota_has_no_room_for_is_not_started_before_it_has(self, start, cluster):
        service = start()
        cluster.quotas = [
            {
                "metadata": {"name": "small"},
                "spec": {},
                "status": {"hard": {"requests.cpu": "2"}, "used": {"requests.cpu": "1900m"}},
            }
        ]
        id = service.submit("count", trials=1)
        seen = service.until(id, lambda job: job["waiting"])
        assert (seen["state"], seen["attempts"], seen["waiting"]["reason"]) == ("queued", 0, "Queued")
        assert "the quota small leaves 0.1 of requests.cpu" in seen["waiting"]["message"]
        assert cluster.created == []
        cluster.quotas[0]["status"]["used"] = {"requests.cpu": "1"}
        assert service.ended(id)["state"] == "succeeded"


class TestRestarting:
    @pytest.mark.slow
    def test_a_pod_goes_on_without_its_service_and_is_adopted_by_the_next(self, start, cluster, go):
        service = start()
        id = service.submit("count", trials=6, hold=1, go=str(go))
        service.done(id, 1)
        port = int(service.url.rsplit(":", 1)[1])
        service.stop()
        cluster.says(id, "agent: ")
        go.touch()
        assert cluster.of(id).code is None
        service = start(port=port)
        done = service.ended(id)
        assert (done["state"], done["attempts"], done["result"]["kept"]) == ("succeeded", 1, 0)
        assert cluster.created == [f"train-{id}-1"]

    def test_an_object_that_is_there_already_is_the_job(self, start, cluster, monkeypatch):
        service = start()
        create = cluster.create

        async def twice(manifest, namespace):
            await create(manifest, namespace)
            return await create(manifest, namespace)

        monkeypatch.setattr(cluster, "create", twice)
        id = service.submit("count", trials=2)
        assert service.ended(id)["attempts"] == 1
        assert cluster.created == [f"train-{id}-1"]

    @pytest.mark.slow
    def test_results_come_in_while_the_api_server_is_away_and_new_jobs_wait(self, start, cluster, go):
        service = start()
        id = service.submit("count", trials=4, hold=1, go=str(go))
        service.done(id, 1)
        cluster.down = True
        service.until(id, lambda _: cluster.unanswered)
        go.touch()
        later = service.submit("count", "later", trials=1)
        assert service.ended(id)["state"] == "succeeded"
        assert service.job(later)["state"] == "queued"
        cluster.down = False
        done = service.ended(later)
        assert (done["state"], done["attempts"]) == ("succeeded", 1)

    @pytest.mark.slow
    def test_a_lost_volume_is_filled_again_by_the_pod(self, start, cluster, go):
        import shutil

        service = start()
        id = service.submit("count", trials=6, hold=2, go=str(go))
        service.done(id, 2)

        def numbers():
            listed = service.http.get(f"/v1/jobs/{id}/trials").json()
            return [item["number"] for item in listed.get("items", [])]

        shutil.rmtree(service.folder(id).path)
        service.until(id, lambda _: numbers() == [0, 1])
        go.touch()
        assert service.ended(id)["state"] == "succeeded"
        assert numbers() == [0, 1, 2, 3, 4, 5]

    @pytest.mark.slow
    def test_an_object_of_no_job_is_removed(self, start, cluster):
        service = start()
        id = service.submit("count", trials=2, hold=1)
        service.done(id, 1)
        labels = cluster.of(id).manifest["metadata"]["labels"]
        labels["millrace.dev/job"] = "0" * 32
        stray = cluster.of("0" * 32).name
        service.until(id, lambda _: (stray, True) in cluster.deleted)
        service.http.post(f"/v1/jobs/{id}:cancel")


def test_placement_is_refused_where_there_is_no_cluster(home, background):
    import httpx
    from tests.training.conftest import headers

    from millrace_training.main import build
    from millrace_training.settings import TrainingSettings

    url, stop = background(build(TrainingSettings(home=home)))
    body = {"key": "k", "kind": "train", "spec": {"do": "count"}, "limits": {"placement": {"gpus": 1}}}
    answer = httpx.post(f"{url}/v1/jobs", json=body, headers=headers())
    stop()
    assert answer.status_code == 422
    assert "gpus" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("quantity", "whole"),
    [("1", 1), ("500m", 1), ("1500m", 2), ("2", 2), ("0.5", 1), ("2k", 2000), ("what", 1)],
)
def test_threads_are_the_cpus_of_a_pod_rounded_up(quantity, whole):
    from millrace_training.settings import cpus

    assert cpus(quantity) == whole
