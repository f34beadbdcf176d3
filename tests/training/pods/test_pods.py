"""Jobs in pods keep every promise that jobs in processes keep, and some that only a cluster needs."""

import pytest


class TestRunning:
    def test_a_job_in_a_pod_can_be_read_like_any_other(self, start, cluster):
        service = start(job_cpu="2")
        id = service.submit("count", trials=3)
        done = service.ended(id)
        assert (done["state"], done["attempts"]) == ("succeeded", 1), done
        assert done["result"] == {"attempt": 1, "kept": 0, "threads": "2"}
        assert done["peak_rss_bytes"] > 10 * 2**20
        trials = service.http.get(f"/v1/jobs/{id}/trials").json()["items"]
        assert [item["values"]["loss"] for item in trials] == [1.0, 0.5, 1 / 3]
        events = service.http.get(f"/v1/jobs/{id}/events").text.replace("\r\n", "\n")
        kinds = [line[7:] for line in events.split("\n") if line.startswith("event: ")]
        assert kinds == ["trial", "progress", "trial", "trial", "progress", "end"]
        assert cluster.deleted == []

    @pytest.mark.slow
    def test_progress_is_seen_while_the_pod_works(self, start, go):
        service = start()
        id = service.submit("count", trials=4, hold=1, go=str(go))
        seen = service.done(id, 1)
        assert seen["state"] == "running"
        go.touch()
        assert service.ended(id)["state"] == "succeeded"

    def test_an_error_of_the_job_tells_its_reader_what_to_do(self, start):
        service = start()
        done = service.ended(service.submit("fail"))
        assert (done["state"], done["attempts"]) == ("failed", 1)
        assert done["error"]["detail"] == "Every row has the same target. Choose another target."


class TestMeeting:
    """Pods of a RayJob, where nobody may talk to anybody without a policy."""

    def test_each_ray_job_gets_one_policy_that_goes_with_it_and_a_plain_job_none(self, start, cluster):
        cluster.stuck, cluster.ray = ("waiting", "ContainerCreating", ""), True
        service = start(network_policies=True)
        plain, ray = service.submit("count"), service.submit("count", "r", executor="ray")
        service.until(ray, lambda _: cluster.policies)
        service.until(plain, lambda job: job["attempts"] == 1)
        seen = len(cluster.asked)
        service.until(ray, lambda _: len(cluster.asked) > seen + 4)
        (policy,) = cluster.policies
        (owner,) = policy["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("RayJob", f"uid-of-train-{ray}-1")
        chosen = policy["spec"]["podSelector"]["matchLabels"]
        assert (chosen["millrace.dev/job"], chosen["millrace.dev/project"]) == (ray, "default")
        assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {"matchLabels": chosen}}]}]

    def test_without_policies_none_is_made(self, start, cluster):
        cluster.stuck, cluster.ray = ("waiting", "ContainerCreating", ""), True
        service = start()
        ray = service.submit("count", executor="ray")
        service.until(ray, lambda job: job["attempts"] == 1)
        seen = len(cluster.asked)
        service.until(ray, lambda _: len(cluster.asked) > seen + 4)
        assert cluster.policies == []


class TestLosing:
    def test_a_pod_that_is_killed_is_followed_by_one_that_knows_its_trials(self, start, cluster):
        service = start()
        id = service.submit("count", trials=6, hold=2)
        service.done(id, 2)
        cluster.kill(id)
        done = service.ended(id)
        assert (done["state"], done["attempts"], done["result"]["attempt"]) == ("succeeded", 2, 2)
        assert done["result"]["kept"] >= 2
        numbers = [item["number"] for item in service.http.get(f"/v1/jobs/{id}/trials").json()["items"]]
        assert numbers == [0, 1, 2, 3, 4, 5]

    @pytest.mark.slow
    def test_finished_pieces_are_found_by_the_next_attempt(self, start, cluster):
        service = start()
        id = service.submit("pieces")
        service.until(id, lambda _: (service.folder(id).scratch / "one.json").exists())
        cluster.kill(id)
        done = service.ended(id)
        assert (done["state"], done["attempts"]) == ("succeeded", 2), done
        assert done["result"] == {"found": ["one.json", "one.npy"], "array": [1, 2, 3]}

    def test_a_preempted_pod_does_not_count_and_its_finished_trials_are_kept(self, start, cluster):
        service = start(job_attempts=1)
        id = service.submit("count", trials=5, hold=2)
        service.done(id, 2)
        cluster.drive_out(id)
        done = service.ended(id)
        assert (done["state"], done["attempts"]) == ("succeeded", 2), done
        assert done["result"]["kept"] >= 2

    @pytest.mark.slow
    def test_a_job_that_is_always_preempted_fails_in_the_end(self, start, cluster):
        service = start(job_attempts=1, job_excused=1)
        id = service.submit("waits")
        for attempt in (1, 2):
            service.until(id, lambda job, attempt=attempt: job["attempts"] == attempt and job["progress"])
            cluster.drive_out(id)
        done = service.ended(id)
        assert (done["state"], done["attempts"]) == ("failed", 2)
        assert done["error"]["title"] == "The job's pod was driven out"

    @pytest.mark.slow
    def test_a_pod_that_always_dies_fails_the_job_with_its_last_words(self, start, cluster):
        service = start(job_attempts=2)
        done = service.ended(service.submit("die"))
        assert (done["state"], done["attempts"]) == ("failed", 2)
        assert "exit code 70" in done["error"]["detail"]
        assert "left nothing" in done["error"]["detail"]

    @pytest.mark.slow
    def test_an_object_that_someone_deleted_is_made_again(self, start, cluster):
        service = start(job_attempts=1)
        id = service.submit("count", trials=4, hold=1)
        service.done(id, 1)
        item = cluster.objects.pop(cluster.of(id).name)
        cluster.end(item)
        done = service.ended(id)
        assert (done["state"], done["attempts"]) == ("succeeded", 2)

    @pytest.mark.slow
    def test_a_silent_pod_counts_as_lost_with_its_node(self, start, cluster):
        service = start(job_attempts=1)
        id = service.submit("count", trials=3, hold=1)
        service.done(id, 1)
        pod, settings = cluster.of(id), service.app.state.services.settings
        pod.process.send_signal(19)
        patience, settings.job_lost_seconds = settings.job_lost_seconds, 1
        try:
            service.until(id, lambda job: job["state"] == "queued" or job["attempts"] == 2)
            settings.job_lost_seconds = patience
            service.until(id, lambda job: job["attempts"] == 2)
            assert (pod.name, True) in cluster.deleted
            done = service.ended(id)
            assert done["state"] == "succeeded"
        finally:
            pod.process.send_signal(18)


class TestFencing:
    def put(self, service, id, name, attempt, body, who="job", **more):
        return service.http.put(
            f"/v1/jobs/{id}/workspace/{name}",
            params={"attempt": attempt} | more,
            content=body,
            headers={"authorization": f"Bearer token-of-{who}"},
        )

    def test_a_zombie_attempt_changes_nothing(self, start, cluster):
        service = start()
        id = service.submit("count", trials=5, hold=1)
        service.done(id, 1)
        cluster.kill(id)
        service.until(id, lambda job: job["attempts"] == 2)
        for name, body, more in (
            ("result", b'{"from": "the grave"}', {}),
            ("usage", b'{"rss": 1, "peak_rss_bytes": 1}', {}),
            ("trials", b'{"trials": []}', {}),
            ("streams/events", b'{"event": "log", "data": {}}\n', {"offset": 0}),
            ("pieces/one.json", b"{}", {}),
        ):
            answer = self.put(service, id, name, 1, body, **more)
            assert answer.status_code == 409, (name, answer.text)
        assert service.http.get(f"/v1/jobs/{id}/workspace", params={"attempt": 1}).status_code == 409
        done = service.ended(id)
        assert done["result"]["attempt"] == 2
        assert self.put(service, id, "result", 2, b"{}").status_code == 409

    @pytest.mark.slow
    def test_a_pod_whose_attempt_is_over_stops_by_itself(self, start, cluster):
        service = start()
        id = service.submit("count", trials=3, hold=1)
        service.done(id, 1)
        old = cluster.of(id)
        cluster.objects.pop(old.name)
        service.until(id, lambda job: job["attempts"] == 2)
        assert old.process.wait(120) == 75
        service.http.post(f"/v1/jobs/{id}:cancel")

    def test_nonsense_from_a_pod_is_4xx_and_changes_nothing(self, start, cluster):
        service = start()
        id = service.submit("count", trials=2, hold=1)
        service.done(id, 1)
        for name, body, more in (
            ("result", b"\x80\x04pickle", {}),
            ("result", b"[]", {}),
            ("error", b'{"title": 1}', {}),
            ("progress", b'{"step": "x"}', {}),
            ("usage", b'{"rss": -1, "peak_rss_bytes": 0}', {}),
            ("trials", b'{"trials": [{"study": 1}]}', {}),
            ("streams/events", b"half a line", {"offset": 0}),
            ("pieces/model.pkl", b"x", {}),
            ("pieces/..%2f..%2fspec.json", b"{}", {}),
            ("spec", b"{}", {}),
        ):
            answer = self.put(service, id, name, 1, body, **more)
            assert 400 <= answer.status_code < 500, (name, answer.status_code)
        assert self.put(service, id, "usage", 0, b"{}").status_code == 422
        good = b'{"rss": 1, "peak_rss_bytes": 1}'
        assert self.put(service, id, "usage", 1, good, who="viewer").status_code == 403
        assert self.put(service, id, "usage", 1, good, who="stranger").status_code == 401
        assert service.job(id)["state"] == "running"
        service.http.post(f"/v1/jobs/{id}:cancel")

    def test_sending_the_same_events_twice_keeps_them_once_and_a_gap_is_told(self, start, cluster):
        service = start()
        cluster.stuck = ("unschedulable", "no node")
        id = service.submit("count", trials=1)
        service.until(id, lambda job: job["state"] == "running")
        line = b'{"event": "log", "data": {"n": 1}}\n'
        for _ in range(2):
            answer = self.put(service, id, "streams/events", 1, line, offset=0)
            assert answer.json() == {"cancel": False, "size": len(line)}
        assert self.put(service, id, "streams/events", 1, line, offset=500).json()["size"] == len(line)
        longer = self.put(service, id, "streams/events", 1, line + line, offset=0)
        assert longer.json()["size"] == 2 * len(line)


@pytest.mark.slow
def test_a_killed_pod_resumes_and_its_zombie_is_refused_on_postgresql(start, cluster, database):
    service = start(database_url=database)
    id = service.submit("count", trials=4, hold=1)
    service.done(id, 1)
    cluster.kill(id)
    service.until(id, lambda job: job["attempts"] == 2)
    late = service.http.put(f"/v1/jobs/{id}/workspace/result", params={"attempt": 1}, content=b"{}")
    done = service.ended(id)
    service.stop()
    assert late.status_code == 409
    assert (done["state"], done["result"]["attempt"], done["result"]["kept"] >= 1) == ("succeeded", 2, True)
