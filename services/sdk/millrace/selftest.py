"""A tiny real loop from rows to a prediction, which tells whether an installation works: `python -m millrace.selftest`.

It runs what `helm test` runs, and gives up before Helm does (five minutes), so that its last words say what is in the
way. The loop, its endpoint and its pods are removed afterwards; data and decisions stay, as they always do.
"""

import contextlib
import csv
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx

from millrace.client import ApiError, JobFailed, Millrace
from millrace.delivery import push
from millrace.transport.errors import Busy
from millrace_contracts.jobs import JobRead
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loop_runs import LoopRunState

PREFIX = "selftest-"
TELLING = ("Progressing", "Stalled")
"""Conditions of a loop that say what it does, and what is in its way."""
ROWS = 400
PATIENCE = float(os.environ.get("MILLRACE_SELFTEST_SECONDS", "240"))
"""Seconds that all of it may take: a cluster that pulls images first needs more than the work itself."""
SCARCE = (
    "Give the cluster room, or ask for less: training.job.cpu is what one job asks for, triton.resources what one "
    "model does. To wait longer: selfTest.seconds in the values, and 'helm test --timeout'."
)
AWAY = (
    "See 'kubectl get pods -l app.kubernetes.io/name=millrace': a part that is not ready says what it waits for "
    "in 'kubectl logs'. If all are ready, a NetworkPolicy keeps this pod from them."
)


class Failed(Exception):
    """The platform answered, but not as it should."""


class Say(Protocol):
    """Prints a line, at once when it is told to flush."""

    def __call__(self, line: str, /, *, flush: bool) -> None: ...


def document(name: str) -> ModelLoop:
    """A loop that learns as little as can be learned: one trial on two columns."""
    return ModelLoop.model_validate(
        {
            "apiVersion": "millrace.dev/v1alpha1",
            "kind": "ModelLoop",
            "metadata": {"name": name},
            "spec": {
                "task": "binary",
                "target": "label",
                "data": {"dataset": name, "feedback": False},
                "training": {
                    "search": {"trials": 1},
                    "folds": 2,
                    "executor": "inline",
                    "limits": {"memory": "1Gi"},
                },
            },
        }
    )


def write_rows(path: Path) -> list[dict[str, float]]:
    """Rows whose label is nearly the sign of a sum; the same ones every time."""
    rng = random.Random(7)
    rows = [{"a": round(rng.gauss(0, 8)) / 8, "b": round(rng.gauss(0, 8)) / 8} for _ in range(ROWS)]
    labelled = [row | {"label": int(row["a"] + row["b"] + rng.gauss(0, 0.3) > 0)} for row in rows]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["a", "b", "label"])
        writer.writeheader()
        writer.writerows(labelled)
    return rows


def predict(client: Millrace, name: str, row: dict[str, float], deadline: float) -> float:
    """One prediction through the gateway, asked again until the route has arrived everywhere."""
    while True:
        try:
            [probability] = client.serving.predict(name, [row]).predictions
            return float("nan") if probability is None else probability
        except ApiError as error:
            if error.status < 500 or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def run(client: Millrace, say: Say = print) -> None:
    """The whole loop. Raises: ApiError, TimeoutError, Failed."""
    began = time.monotonic()

    def tell(what: str) -> None:
        say(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    client.registry.put_project(client.project, "Self-tests of the installation.")
    sweep(client)
    name = PREFIX + secrets.token_hex(3)
    try:
        client.controller.apply(document(name))
        tell(f"loop {name} is declared")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.csv"
            rows = write_rows(path)
            result = push(client, name, path, progress=_in_time(began + PATIENCE))
        if not result.accepted:
            raise Failed(f"the rows were refused: {result.report}")
        tell("the rows are accepted")
        ended = client.controller.await_run(name, 1, timeout=began + PATIENCE - time.monotonic())
        if ended.state != LoopRunState.PROMOTED:
            raise Failed(f"the run ended {ended.state}: {ended.message}")
        tell("a model is trained, gated and rolled out")
        high = predict(client, name, {"a": 2.0, "b": 2.0}, began + PATIENCE)
        low = predict(client, name, {"a": -2.0, "b": -2.0}, began + PATIENCE)
        if not high > 0.5 > low:
            raise Failed(f"the predictions make no sense: {high} and {low}, learned from {len(rows)} rows")
        tell(f"it predicts: {high:.3f} and {low:.3f}")
    except TimeoutError as error:
        raise Failed(f"{error}. {what_waits(client, name)}") from error
    except JobFailed as error:
        raise Failed(f"{str(error).rstrip('.')}. {mend(str(error))}") from error
    finally:
        with contextlib.suppress(ApiError):
            client.controller.delete(name)
    tell("done; the loop is deleted")


def _in_time(deadline: float) -> Callable[[JobRead], None]:
    """What is called while a job is waited for. Raises: TimeoutError when it is too late."""

    def look(job: JobRead) -> None:
        if not job.state.ended and time.monotonic() > deadline:
            raise TimeoutError(f"job {job.kind} {job.id} is still {job.state} after {PATIENCE:.0f} s")

    return look


def what_waits(client: Millrace, name: str) -> str:
    """What the platform knows of a loop that does not come on: its jobs that wait, what is in its way, the mend."""
    told: list[str] = []
    with contextlib.suppress(ApiError, httpx.TransportError):
        told += [
            f"Job {job.kind} is {job.state}: {job.waiting.reason}, {job.waiting.message}"
            for job in client.training.jobs(loop=name).items
            if job.waiting is not None and not job.state.ended
        ]
        found = client.controller.loop(name)
        told += [
            f"{condition.type}: {condition.reason}, {condition.message}"
            for condition in found.conditions
            if condition.type in TELLING and condition.status == "True" and condition.message
        ]
    lines = list(dict.fromkeys(line.rstrip(".") for line in told)) or [
        "The platform names nothing that is in the way"
    ]
    return ". ".join([*lines, mend(" ".join(lines))])


def mend(why: str) -> str:
    """What to do about it: room where that is short, else a look at what Kubernetes says."""
    return SCARCE if "nsufficient" in why else "See 'kubectl get events'."


def sweep(client: Millrace) -> None:
    """Delete loops that an interrupted test left."""
    for loop in client.controller.loops():
        if loop.name.startswith(PREFIX):
            with contextlib.suppress(ApiError):
                client.controller.delete(loop.name)


def main() -> None:
    """Run it; exit 1 with one sentence if something does not work."""
    try:
        run(Millrace.from_environment())
    except httpx.TransportError as error:
        sys.exit(
            f"The self-test failed: {_asked(error)} does not answer ({error or type(error).__name__}). {AWAY}"
        )
    except Busy as error:
        sys.exit(f"The self-test failed: {error.error.url} is not ready ({error}). {AWAY}")
    except (ApiError, Failed) as error:
        sys.exit(f"The self-test failed: {error}")


def _asked(error: httpx.TransportError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:
        return "the platform"


if __name__ == "__main__":
    main()
