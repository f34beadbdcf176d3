"""The controller, for users and pipeline steps: loops, runs, backtests."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from millrace.client.transport import Api, pages, part

Json = dict[str, Any]
BUSY = ("pending", "running")
LONGEST_WAIT = 25


class Controller:
    """Calls to the controller; every method raises ApiError when it refuses."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def apply(self, document: Json) -> Json:
        """Store a ModelLoop document; the controller makes it true."""
        return self.api.put(f"/v1/loops/{part(document['metadata']['name'])}", json=document)

    def loops(self) -> list[Json]:
        return list(pages(self.api, "/v1/loops"))

    def loop(self, loop: str) -> Json:
        return self.api.get(f"/v1/loops/{part(loop)}")

    def delete(self, loop: str) -> Json:
        return self.api.delete(f"/v1/loops/{part(loop)}")

    def pause(self, loop: str) -> Json:
        return self.api.post(f"/v1/loops/{part(loop)}:pause")

    def resume(self, loop: str) -> Json:
        return self.api.post(f"/v1/loops/{part(loop)}:resume")

    def wake(self, loop: str) -> None:
        """Look at once whether there is something to do (after a push of data)."""
        self.api.post(f"/v1/loops/{part(loop)}:wake")

    def retrain(self, loop: str, key: str | None = None, search: bool = False) -> Json:
        """Open a run by hand; *search*: search in full instead of fitting the best again."""
        return self.api.post(f"/v1/loops/{part(loop)}:retrain", json={"key": key, "search": search})

    def rollback(
        self, loop: str, to: int | None = None, reason: str = "asked for by hand", key: str | None = None
    ) -> Json:
        """Back to version *to*, or to the one before; the same *key* again is the same rollback.

        Without a key each call is a rollback of its own, however often the call itself is sent.
        """
        body = {"to": to, "reason": reason, "key": key or uuid.uuid4().hex}
        return self.api.post(f"/v1/loops/{part(loop)}:rollback", json=body, timeout=120)

    def runs(self, loop: str) -> list[Json]:
        return list(pages(self.api, f"/v1/loops/{part(loop)}/runs"))

    def run(self, loop: str, number: int, wait: float | None = None) -> Json:
        """One run; with *wait*, as soon as its pipeline is over or after that many seconds."""
        return self.api.get(f"/v1/loops/{part(loop)}/runs/{number}", wait=wait)

    def await_run(
        self, loop: str, number: int, timeout: float = 1800, told: Callable[[Json], None] | None = None
    ) -> Json:
        """Wait until a run has ended, its rollout included; it must not depend on traffic that is still to come.

        Raises: TimeoutError.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            loop_now = self.api.get(f"/v1/loops/{part(loop)}", wait=0)
            if loop_now["run"] is not None and loop_now["run"]["number"] >= number:
                found = self.run(loop, number, wait=min(LONGEST_WAIT, max(0.0, deadline - time.monotonic())))
                if told is not None:
                    told(found)
                if found["ended_at"] is not None:
                    return found
            time.sleep(0.2)
        raise TimeoutError(f"run {number} of {loop} has not ended after {timeout:.0f} s")

    def settle(self, loop: str, through: str, timeout: float = 1800) -> Json:
        """Wait until everything through the event time *through* is decided and no pipeline runs.

        Raises: TimeoutError.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = self.api.get(f"/v1/loops/{part(loop)}", settled_through=through, wait=LONGEST_WAIT)
            if (
                found["settled"]
                and (found["settled_through"] or "")
                and _instant(found["settled_through"]) >= _instant(through)
            ):
                return found
        raise TimeoutError(f"{loop} has not come to rest at {through} after {timeout:.0f} s")

    def events(self, loop: str) -> Iterator[tuple[str, Json]]:
        """The loop's changes as they happen: (loop | run, its JSON)."""
        for event, data in self.api.lines(f"/v1/loops/{part(loop)}/events"):
            if data:
                yield event, orjson.loads(data)

    def plan(self, loop: str, run: int) -> Json:
        """What each step of a run is asked to do."""
        return self.api.get(f"/v1/loops/{part(loop)}/runs/{run}/plan")

    def report(
        self,
        loop: str,
        run: int,
        step: str,
        state: str,
        message: str = "",
        job: str | None = None,
        final: bool = False,
    ) -> None:
        """How far a step is; *final*: it failed and would fail again."""
        body = {"state": state, "message": message[:4000], "job": job, "final": final}
        self.api.put(f"/v1/loops/{part(loop)}/runs/{run}/steps/{part(step)}", json=body)

    def refuse(self, loop: str, run: int, reason: str, report: Json) -> Json:
        """Close a run whose data cannot be trained on."""
        body = {"reason": reason, "report": report}
        return self.api.post(f"/v1/loops/{part(loop)}/runs/{run}:refuse", json=body)

    def gate(self, loop: str, run: int, train_job: str, evaluate_job: str) -> Json:
        """The verdict of the gates."""
        body = {"train_job": train_job, "evaluate_job": evaluate_job}
        return self.api.post(f"/v1/loops/{part(loop)}/runs/{run}/gates", json=body)

    def roll_out(self, loop: str, run: int, version: int) -> Json:
        """Begin a rollout."""
        return self.api.post(
            f"/v1/loops/{part(loop)}/runs/{run}/rollout", json={"version": version}, timeout=180
        )

    def capabilities(self) -> Json:
        """What the platform found around it and uses."""
        return self.api.get("/v1/capabilities")

    def backtest(self, document: Json, digest: str, format: str, name: str) -> Json:
        """Begin a backtest over an uploaded history."""
        body = {"loop": document, "digest": digest, "format": format, "name": name}
        return self.api.post("/v1/backtests", json=body)

    def backtest_state(self, id: str, wait: float = 0) -> Json:
        return self.api.get(f"/v1/backtests/{part(id)}", wait=wait)

    def backtest_progress(self, id: str, progress: Json) -> None:
        """For the replay: how far it is, as step, done, total and message."""
        self.api.put(f"/v1/backtests/{part(id)}/progress", json=progress)

    def backtest_result(self, id: str, result: Json) -> None:
        """For the replay: what it found."""
        self.api.put(f"/v1/backtests/{part(id)}/result", json={"result": result})


def _instant(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
