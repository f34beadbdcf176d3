"""A training service whose jobs are pods of a cluster in memory, and the jobs that the tests run there."""

import importlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.training.conftest import headers, in_thread
from tests.training.pods.cluster import FakeCluster

WORK = Path(__file__).parents[1] / "jobs"
ENDED = ("succeeded", "failed", "cancelled")


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `work` importable here and in every pod, and the `train` kind run it."""
    from millrace_training import kinds

    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(WORK), before))))
    monkeypatch.syspath_prepend(str(WORK))
    monkeypatch.setitem(kinds.KINDS, "train", kinds.Kind(importlib.import_module("work").run, heavy=True))


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The file that a job waits for."""
    return tmp_path / "go"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    (tmp_path / "pods").mkdir()
    made = FakeCluster(tmp_path / "pods", {"MILLRACE_TOKEN": "token-of-job"})
    yield made
    made.close()


class Service:
    """The real app on loopback, and short words for what tests do with it."""

    def __init__(self, url: str, stop: Callable[[], None], app: Any) -> None:
        self.stop, self.app, self.url = stop, app, url
        self.http = httpx.Client(base_url=url, headers=headers(), timeout=60)

    def submit(self, do: str, key: str = "k", limits: dict | None = None, **spec: Any) -> str:
        body = {"key": key, "kind": "train", "spec": {"do": do} | spec, "limits": limits or {}}
        response = self.http.post("/v1/jobs", json=body)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def job(self, id: str, wait: float = 0) -> dict[str, Any]:
        return self.http.get(f"/v1/jobs/{id}", params={"wait": wait}).json()

    def folder(self, id: str) -> Any:
        """The job's folder."""
        return self.app.state.services.folder(id)

    def ended(self, id: str) -> dict[str, Any]:
        """The job once it is over; the test's own time limit is that of the job, too."""
        while (found := self.job(id, 30))["state"] not in ENDED:
            pass
        return found

    def until(self, id: str, what: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The job as soon as *what* is true of it; not later than at its end."""
        while not what(found := self.job(id)):
            assert found["state"] not in ENDED, found
            time.sleep(0.05)
        return found

    def done(self, id: str, trials: int) -> dict[str, Any]:
        """The job once it has finished so many trials."""
        return self.until(id, lambda job: ((job["progress"] or {}).get("done") or 0) >= trials)


@pytest.fixture
def start(
    home: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Service]]:
    """`start(**settings)` starts a service; all are stopped at the end."""
    from millrace_training.launch import launcher, pods
    from millrace_training.main import build
    from millrace_training.settings import TrainingSettings

    def make(settings: Any, folder: Any, wake: Any) -> Any:
        return pods.PodLauncher(cluster, folder, settings)

    monkeypatch.setattr(launcher, "make", make)
    monkeypatch.setattr(pods, "SURVEY_SECONDS", 0.1)
    monkeypatch.setattr(pods, "ORPHAN_SECONDS", 0.5)
    monkeypatch.setattr(pods, "EVENTS_AFTER_SECONDS", 0.2)
    services: list[Service] = []

    def started(**more: Any) -> Service:
        given = {"job_look_seconds": 0.1, "cancel_seconds": 5, "token": "token-of-training"} | more
        settings = TrainingSettings(home=home, platform="kubernetes", namespace="millrace", **given)
        app = build(settings)
        url, stop = in_thread(app, settings.port)
        cluster.environment["MILLRACE_TRAINING_URL"] = url
        services.append(Service(url, stop, app))
        return services[-1]

    yield started
    for service in services:
        service.stop()
