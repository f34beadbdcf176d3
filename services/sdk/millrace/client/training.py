"""The training service: jobs that check data, train and evaluate."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from millrace.client.transport import Api, pages, part

ENDED = ("succeeded", "failed", "cancelled")
LONGEST_WAIT = 30.0


class JobFailed(Exception):
    """A job that was waited for did not succeed; *job* is how it stands."""

    def __init__(self, job: dict[str, Any]) -> None:
        problem = job.get("error") or {}
        text = ": ".join(filter(None, (problem.get("title"), problem.get("detail"))))
        super().__init__(f"job {job['key']} {job['state']}" + (f": {text}" if text else ""))
        self.job = job


class Training:
    """Calls to the training service; every method raises ApiError when it refuses."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def submit(
        self,
        kind: str,
        spec: dict[str, Any],
        key: str,
        *,
        memory_mb: int | None = None,
        wall_seconds: float | None = None,
        placement: dict[str, Any] | None = None,
        loop: str | None = None,
        loop_run: int | None = None,
    ) -> dict[str, Any]:
        """Submit a job; the same *key* again gives the job it already is.

        *placement*: where in a cluster it may run, as a loop writes it; refused where there is no cluster.
        """
        limits: dict[str, Any] = {"memory_mb": memory_mb, "wall_seconds": wall_seconds}
        limits |= {"placement": placement} if placement else {}
        body = {"key": key, "kind": kind, "spec": spec, "limits": limits, "loop": loop, "loop_run": loop_run}
        made: dict[str, Any] = self.api.post("/v1/jobs", json=body)
        return made

    def job(self, id: str, wait: float = 0) -> dict[str, Any]:
        """One job; with *wait*, as soon as it is over or after that many seconds (60 at most)."""
        found: dict[str, Any] = self.api.get(f"/v1/jobs/{part(id)}", wait=wait or None)
        return found

    def jobs(
        self, state: str | None = None, loop: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> dict[str, Any]:
        """A page of jobs, newest first."""
        found: dict[str, Any] = self.api.get("/v1/jobs", state=state, loop=loop, limit=limit, cursor=cursor)
        return found

    def wait(
        self,
        id: str,
        timeout: float | None = None,
        progress: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Wait until the job has succeeded and return it; *progress* is called with it meanwhile.

        Raises: JobFailed if it failed or was cancelled; TimeoutError after *timeout* seconds.
        """
        deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while True:
            job = self.job(id, wait=max(0.0, min(LONGEST_WAIT, deadline - time.monotonic())))
            progress(job)
            if job["state"] == "succeeded":
                return job
            if job["state"] in ENDED:
                raise JobFailed(job)
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {job['key']} is still {job['state']} after {timeout:g} s")

    def run(self, kind: str, spec: dict[str, Any], key: str, **more: Any) -> dict[str, Any]:
        """Submit, wait, and return the result. Raises: JobFailed."""
        job = self.submit(kind, spec, key, **more)
        result: dict[str, Any] = self.wait(job["id"])["result"]
        return result

    def events(self, id: str, after: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
        """The job's events, (progress | trial | log | end, data), from the byte *after* to its end."""
        headers = {"last-event-id": str(after)}
        for event, data in self.api.lines(f"/v1/jobs/{part(id)}/events", headers=headers):
            if data:
                yield event, orjson.loads(data)

    def cancel(self, id: str) -> dict[str, Any]:
        """Stop a job; one that has ended stays as it is."""
        found: dict[str, Any] = self.api.post(f"/v1/jobs/{part(id)}:cancel")
        return found

    def trials(self, id: str, limit: int = 1000, cursor: str | None = None) -> dict[str, Any]:
        """A page of the job's trials."""
        found: dict[str, Any] = self.api.get(f"/v1/jobs/{part(id)}/trials", limit=limit, cursor=cursor)
        return found

    def all_trials(self, id: str) -> Iterator[dict[str, Any]]:
        """Every trial of the job."""
        return pages(self.api, f"/v1/jobs/{part(id)}/trials")

    def infer(
        self, digest: str, format: str, target: str | None = None, event_time: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Start inferring a contract from an uploaded sample; returns the job."""
        body = {"digest": digest, "format": format, "target": target, "event_time": event_time} | more
        made: dict[str, Any] = self.api.post("/v1/contracts:infer", json=body)
        return made

    def push_rows(self, dataset: str, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Send rows to a dataset; *more*: contract, target, event_time, timezone. Returns the ingest job."""
        made: dict[str, Any] = self.api.post(
            f"/v1/datasets/{part(dataset)}/rows", json={"rows": rows} | more, timeout=120
        )
        return made
