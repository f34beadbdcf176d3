"""Jobs through the real app: told once, never lost, never running for ever."""

import asyncio
import itertools
import json
import os
import signal

import pytest

from millrace_core import held
from millrace_training.jobs.states import ALLOWED, TERMINAL, State
from millrace_training.process import control


def job(do: str, key: str = "k1", **spec: object) -> dict:
    return {"key": key, "kind": "train", "spec": {"do": do} | spec}


async def submit(client, body: dict, status: int = 201) -> dict:
    response = await client.post("/v1/jobs", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def ended(client, id: str) -> dict:
    """The job once it is over; the test's own time limit is that of the job, too."""
    while True:
        found = (await client.get(f"/v1/jobs/{id}", params={"wait": 30})).json()
        if found["state"] in TERMINAL:
            return found


async def running(client, id: str, until=lambda job: job["state"] == "running") -> dict:
    while not until(found := (await client.get(f"/v1/jobs/{id}")).json()):
        assert found["state"] not in TERMINAL, found
        await asyncio.sleep(0.05)
    return found


async def worker(client, id: str, number: int) -> int:
    """The process that works on the job's payload *number*, as soon as it does."""
    file = client.app.state.services.folder(id).scratch / f"worker-{number}"
    while not file.exists():
        assert (await client.get(f"/v1/jobs/{id}")).json()["state"] not in TERMINAL
        await asyncio.sleep(0.05)
    return int(file.read_text())


def go_on(client, id: str) -> None:
    """Lets a job that `waits` end."""
    (client.app.state.services.folder(id).scratch / "go").touch()


class TestSubmitting:
    async def test_a_stream_of_events_ends_when_its_readers_token_is_taken_away(self, serve, monkeypatch):
        monkeypatch.setattr(held, "EVERY", 0.1)
        async with serve() as client:
            made = await submit(client, job("waits"))
            await running(client, made["id"])
            following = asyncio.create_task(self.events(client, made["id"]))
            await asyncio.sleep(0.3)
            assert not following.done(), "who may read goes on reading"
            tokens = client.app.state.services.tokens.path
            before = tokens.read_text()
            tokens.write_text('{"tokens": []}')
            last = (await asyncio.wait_for(following, 5))[-1]
            assert (last["event"], json.loads(last["data"])["status"]) == ("error", 401)
            tokens.write_text(before)
            go_on(client, made["id"])
            assert (await ended(client, made["id"]))["state"] == "succeeded"

    async def test_a_job_runs_and_its_result_progress_events_and_trials_can_be_read(self, serve):
        async with serve(job_threads=2) as client:
            made = await submit(client, job("count", trials=3) | {"loop": "flights", "loop_run": 2})
            done = await ended(client, made["id"])
            assert done["state"] == "succeeded"
            assert done["result"] == {"attempt": 1, "kept": 0, "threads": "2"}
            assert done["peak_rss_bytes"] > 10 * 2**20
            trials = (await client.get(f"/v1/jobs/{made['id']}/trials", params={"limit": 2})).json()
            assert [item["values"]["loss"] for item in trials["items"]] == [1.0, 0.5]
            more = {"cursor": trials["next"]}
            rest = (await client.get(f"/v1/jobs/{made['id']}/trials", params=more)).json()
            assert ([item["number"] for item in rest["items"]], rest["next"]) == ([2], None)
            events = await self.events(client, made["id"])
            kinds = [event["event"] for event in events]
            assert kinds == ["trial", "progress", "trial", "trial", "progress", "end"]
            assert json.loads(events[-1]["data"])["state"] == "succeeded"
            listed = (await client.get("/v1/jobs", params={"loop": "flights", "state": "succeeded"})).json()
            assert [item["id"] for item in listed["items"]] == [made["id"]]

    async def events(self, client, id: str, after: str | None = None) -> list[dict]:
        headers = {} if after is None else {"last-event-id": after}
        response = await client.get(f"/v1/jobs/{id}/events", headers=headers)
        assert response.status_code == 200, response.text
        blocks = response.text.replace("\r\n", "\n").strip().split("\n\n")
        return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]

    async def test_a_stream_is_taken_up_behind_the_last_event_seen(self, serve):
        async with serve() as client:
            made = await submit(client, job("count", trials=3))
            await ended(client, made["id"])
            all_events = await self.events(client, made["id"])
            again = await self.events(client, made["id"], all_events[2]["id"])
            assert again == all_events[3:]
            refused = await client.get(f"/v1/jobs/{made['id']}/events", headers={"last-event-id": "3"})
            assert refused.status_code == 422

    async def test_what_a_job_printed_is_read_in_pieces_and_no_letter_is_cut(self, serve):
        async with serve() as client:
            made = await submit(client, job("count", trials=1))
            await ended(client, made["id"])
            log = client.app.state.services.folder(made["id"]).log
            text = "first line\n" + "größer ✓ " * 50 + "\nlast line\n"
            log.write_text(text)
            address, found, after = f"/v1/jobs/{made['id']}/log", "", 0
            while piece := (await client.get(address, params={"after": after, "most": 7})).json()["text"]:
                found, after = found + piece, after + len(piece.encode())
            assert found == text
            tail = (await client.get(address, params={"most": 30})).json()
            assert (tail["text"], tail["next"], tail["size"]) == (
                "last line\n",
                len(text.encode()),
                len(text.encode()),
            )
            log.unlink()
            assert (await client.get(address)).json() == {"text": "", "start": 0, "next": 0, "size": 0}
            assert (await client.get("/v1/jobs/" + "0" * 32 + "/log")).status_code == 404

    async def test_the_same_key_twice_is_one_job_and_another_body_is_409(self, serve):
        async with serve() as client:
            first = await submit(client, job("count", trials=1))
            again = await submit(client, job("count", trials=1), status=200)
            assert again["id"] == first["id"]
            other = await client.post("/v1/jobs", json=job("count", trials=2))
            assert (other.status_code, other.json()["current"]) == (409, first["id"])
            elsewhere = await client.post("/v1/jobs", json=job("count", trials=2), params={"project": "b"})
            assert elsewhere.status_code == 201
            foreign = await client.get(f"/v1/jobs/{first['id']}", params={"project": "b"})
            assert foreign.status_code == 404

    async def test_a_step_that_an_upgrade_cut_off_finds_its_job_though_it_is_written_otherwise(self, serve):
        source = {"kind": "feedback", "endpoint": "e", "since": None, "until": "2024-02-01T00:00:00+00:00"}
        first = {"key": "k1", "kind": "ingest", "spec": {"dataset": "d", "source": source, "contract": None}}
        again = first | {"spec": {"dataset": "d", "source": source | {"until": "2024-02-01T00:00:00Z"}}}
        later = first | {"spec": {"dataset": "d", "source": source | {"until": "2024-03-01T00:00:00Z"}}}
        async with serve() as client:
            made = await submit(client, first)
            assert (await submit(client, again, status=200))["id"] == made["id"]
            assert (await client.post("/v1/jobs", json=later)).status_code == 409

    async def test_heavy_jobs_wait_for_each_other_and_light_ones_do_not(self, serve):
        async with serve() as client:
            first = await submit(client, job("waits", "a"))
            second = await submit(client, job("count", "b", trials=1))
            light = {
                "key": "c",
                "kind": "validate",
                "spec": {"dataset": "d", "dataset_version": 1, "task": "binary", "target": "y"},
            }
            third = await submit(client, light)
            await running(client, third["id"], lambda job: job["state"] != "queued")
            assert (await running(client, first["id"]))["state"] == "running"
            assert (await client.get(f"/v1/jobs/{second['id']}")).json()["state"] == "queued"
            await client.post(f"/v1/jobs/{third['id']}:cancel")
            go_on(client, first["id"])
            assert (await ended(client, second["id"]))["state"] == "succeeded"

    @pytest.mark.slow
    async def test_an_evaluation_goes_before_the_trainings_of_other_loops(self, serve):
        async with serve() as client:
            running_now = await submit(client, job("waits", "a") | {"loop": "a"})
            await running(client, running_now["id"])
            trainings = [
                await submit(client, job("count", loop, trials=1) | {"loop": loop}) for loop in ("b", "c")
            ]
            evaluation = await submit(client, job("count", "d", trials=1) | {"loop": "d", "kind": "evaluate"})
            go_on(client, running_now["id"])
            done = [await ended(client, item["id"]) for item in (evaluation, *trainings)]
            began = [item["started_at"] for item in done]
            assert began == sorted(began)


class TestEnding:
    async def test_a_job_error_tells_its_reader_what_to_do(self, serve):
        async with serve() as client:
            made = await submit(client, job("fail"))
            done = await ended(client, made["id"])
            assert (done["state"], done["attempts"]) == ("failed", 1)
            assert done["error"]["title"] == "Nothing to learn"
            assert done["error"]["detail"] == "Every row has the same target. Choose another target."

    async def test_a_bug_fails_the_job_at_once_and_says_no_more_than_its_text(self, serve):
        async with serve() as client:
            made = await submit(client, job("bug"))
            done = await ended(client, made["id"])
            assert (done["state"], done["attempts"]) == ("failed", 1)
            assert done["error"]["detail"] == "ZeroDivisionError: by zero"

    async def test_a_killed_child_is_started_again_and_keeps_its_finished_trials(self, serve):
        async with serve() as client:
            made = await submit(client, job("count", trials=4, die=2))
            done = await ended(client, made["id"])
            assert done["state"] == "succeeded"
            assert done["result"]["attempt"] == 2
            assert done["result"]["kept"] == 2
            trials = (await client.get(f"/v1/jobs/{made['id']}/trials")).json()["items"]
            assert [item["number"] for item in trials] == [0, 1, 2, 3]

    async def test_a_job_whose_process_always_dies_fails_after_bounded_attempts(self, serve):
        async with serve(job_attempts=2) as client:
            made = await submit(client, job("die"))
            done = await ended(client, made["id"])
            assert (done["state"], done["attempts"]) == ("failed", 2)
            assert "2 times" in done["error"]["detail"]

    async def test_an_unreachable_service_is_tried_again_and_then_named(self, serve):
        async with serve(job_attempts=2) as client:
            made = await submit(client, job("unreachable"))
            done = await ended(client, made["id"])
            assert (done["state"], done["attempts"]) == ("failed", 2)
            assert done["error"]["title"] == "A service did not answer"

    async def test_a_job_over_its_memory_is_killed_and_its_peak_is_told(self, serve):
        async with serve() as client:
            made = await submit(client, job("eat") | {"limits": {"memory_mb": 200}})
            done = await ended(client, made["id"])
            assert (done["state"], done["error"]["title"]) == ("failed", "Out of memory")
            assert 200 * 2**20 < done["peak_rss_bytes"] < 2**30
            assert done["error"]["peak_rss_bytes"] == done["peak_rss_bytes"]
            assert f"{done['peak_rss_bytes'] >> 20} MiB; it may use 200 MiB" in done["error"]["detail"]

    async def test_a_job_over_its_time_is_killed(self, serve):
        async with serve() as client:
            made = await submit(client, job("pooled", pause=60) | {"limits": {"wall_seconds": 1.5}})
            done = await ended(client, made["id"])
            assert (done["state"], done["error"]["title"]) == ("failed", "Out of time")
            assert control.members(made["id"]) == []

    async def test_cancel_kills_the_whole_group(self, serve):
        async with serve() as client:
            made = await submit(client, job("pooled", pause=60))
            at_work = {await worker(client, made["id"], number) for number in range(2)}
            assert at_work < set(control.members(made["id"]))
            response = await client.post(f"/v1/jobs/{made['id']}:cancel")
            assert response.status_code == 200
            assert (await ended(client, made["id"]))["state"] == "cancelled"
            assert control.members(made["id"]) == []

    async def test_cancelling_a_waiting_job_ends_it_and_an_ended_one_stays(self, serve):
        async with serve() as client:
            first = await submit(client, job("waits", "a"))
            second = await submit(client, job("count", "b", trials=1))
            assert (await client.post(f"/v1/jobs/{second['id']}:cancel")).json()["state"] == "cancelled"
            await running(client, first["id"])
            go_on(client, first["id"])
            assert (await ended(client, first["id"]))["state"] == "succeeded"
            assert (await client.post(f"/v1/jobs/{first['id']}:cancel")).json()["state"] == "succeeded"


class TestRestarting:
    async def test_an_orderly_stop_leaves_no_process_and_the_next_service_goes_on(self, serve, tmp_path):
        async with serve() as client:
            made = await submit(client, job("count", trials=6, hold=2, go=str(tmp_path / "go")))
            await running(client, made["id"], lambda job: (job["progress"] or {}).get("done", 0) >= 2)
        assert control.members(made["id"]) == []
        (tmp_path / "go").touch()
        async with serve() as client:
            done = await ended(client, made["id"])
            assert done["state"] == "succeeded"
            assert done["result"]["attempt"] == 1
            assert done["result"]["kept"] >= 2

    async def test_a_killed_worker_does_not_fail_the_job(self, serve):
        async with serve() as client:
            made = await submit(client, job("pooled", pause=2))
            os.kill(await worker(client, made["id"], 0), signal.SIGKILL)
            done = await ended(client, made["id"])
            assert (done["state"], len(done["result"]["results"])) == ("succeeded", 2)


BAD = [
    {},
    {"key": "k", "kind": "train", "spec": {}},
    {"key": "k", "kind": "nothing", "spec": {"do": "count"}},
    {"key": "", "kind": "train", "spec": {"do": "count"}},
    {"key": "../../etc", "kind": "train", "spec": {"do": "count"}},
    {"key": "k\u0000", "kind": "train", "spec": {"do": "count"}},
    {"key": "k", "kind": "train", "spec": {"do": "a\u0000b"}},
    {"key": "k", "kind": "train", "spec": {"do": "a", "n": 10**30}},
    {"key": "k", "kind": "train", "spec": {"do": "a"}, "loop": "Not A Name"},
    {"key": "k", "kind": "train", "spec": {"do": "a"}, "loop_run": 2**40},
    {"key": "k", "kind": "train", "spec": {"do": "a"}, "limits": {"memory_mb": -1}},
    {"key": "k", "kind": "train", "spec": {"do": "a"}, "more": 1},
    {"key": "k", "kind": "ingest", "spec": {"dataset": "../x", "source": {"kind": "artifact"}}},
    {
        "key": "k",
        "kind": "ingest",
        "spec": {"dataset": "d", "source": {"kind": "url", "url": "file:///"}},
    },
    {"key": "k", "kind": "validate", "spec": {"dataset": "d", "dataset_version": 0, "task": "x"}},
]


class TestHostileInput:
    async def test_a_bad_job_is_4xx_and_nothing_is_stored(self, serve):
        async with serve() as client:
            for body in BAD:
                response = await client.post("/v1/jobs", json=body)
                assert response.status_code == 422, (body, response.text)
                assert response.headers["content-type"] == "application/problem+json"
            assert (await client.get("/v1/jobs")).json()["items"] == []

    async def test_raw_nonsense_is_4xx(self, serve):
        deep = b'{"key":"k","kind":"train","spec":{"do":' + b"[" * 5000 + b"]" * 5000 + b"}}"
        surrogate = b'{"key":"k","kind":"train","spec":{"do":"\\ud800"}}'
        infinite = b'{"key":"k","kind":"train","spec":{"do":"a","n":NaN}}'
        async with serve() as client:
            for content in (b"{", b"\xff\xfe", deep, surrogate, infinite, b"[]", b"null"):
                response = await client.post(
                    "/v1/jobs", content=content, headers={"content-type": "application/json"}
                )
                assert 400 <= response.status_code < 500, (content[:40], response.text)
            for path in ("/v1/jobs/zzz", "/v1/jobs?cursor=x", "/v1/jobs?limit=0", "/v1/jobs?state=lost"):
                assert (await client.get(path)).status_code == 422
            assert (await client.get("/v1/jobs/" + "0" * 32)).status_code == 404

    async def test_a_viewer_may_look_and_not_act_and_a_stranger_neither(self, serve):
        async with serve() as client:
            viewer = {"authorization": "Bearer token-of-viewer"}
            assert (await client.get("/v1/jobs", headers=viewer)).status_code == 200
            assert (await client.post("/v1/jobs", json=job("die"), headers=viewer)).status_code == 403
            stranger = {"authorization": "Bearer no"}
            for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("POST", "/v1/contracts:infer")):
                assert (await client.request(method, path, headers=stranger)).status_code == 401


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, repeat=2)))
def test_only_a_running_job_goes_back_to_waiting_and_an_ended_one_goes_nowhere(old, new):
    allowed = new in ALLOWED[old]
    assert not (allowed and old in TERMINAL)
    if new == State.QUEUED:
        assert allowed == (old == State.RUNNING)
