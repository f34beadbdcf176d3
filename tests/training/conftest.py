"""A training service in this process, and a token to talk to it with."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.training_runs import TrainingRunChange, TrainingRunWrite

for name, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}.items():
    os.environ.setdefault(
        name, value
    )  # as in a worker: threads that spin for one another starve a busy machine

TOKENS = {"user": "admin", "training": "training", "viewer": "viewer", "job": "job"}


def headers(name: str = "user") -> dict[str, str]:
    return {"authorization": f"Bearer token-of-{name}"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a tokens file."""
    return with_tokens(tmp_path / "home")


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for all tests of a module."""
    return with_tokens(tmp_path_factory.mktemp("home"))


def with_tokens(home: Path) -> Path:
    run = home / "run"
    run.mkdir(parents=True)
    entries = [
        {"name": name, "role": role, "sha256": hashlib.sha256(f"token-of-{name}".encode()).hexdigest()}
        for name, role in TOKENS.items()
    ]
    (run / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return home


@pytest.fixture(scope="session")
def background() -> Callable[[FastAPI], tuple[str, Callable[[], None]]]:
    """`background(app)` serves an app from a thread; returns its URL and how to stop it."""
    return in_thread


def in_thread(app: FastAPI, port: int = 0) -> tuple[str, Callable[[], None]]:
    """Serve *app* from a thread; returns its URL and how to stop it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)

    def stop() -> None:
        server.should_exit = True
        thread.join(10)

    return f"http://127.0.0.1:{listener.getsockname()[1]}", stop


@pytest.fixture
def serve(home: Path) -> Callable[..., Any]:
    """`async with serve(**settings) as client`: the real app with its background tasks, in this process."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        from millrace_training.main import build
        from millrace_training.settings import TrainingSettings

        more = {"job_look_seconds": 0.1, "cancel_seconds": 0.5, "token": "token-of-training"} | settings
        app = build(TrainingSettings(home=home, **more))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", headers=headers(), timeout=60
            ) as client,
        ):
            client.app = app  # type: ignore[attr-defined]
            yield client

    return opened


class MemoryRegistry:
    """The part of the registry client that training jobs use, in memory."""

    def __init__(self) -> None:
        self.store: dict[str, bytes] = {}
        self.versions: dict[tuple[str, int], dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}

    def put_artifact(self, data: bytes, media_type: str = "") -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.store[digest] = data
        return digest

    def get_artifact(self, digest: str) -> bytes:
        return self.store[digest]

    def dataset_version(self, dataset: str, number: int) -> DatasetVersionRead:
        return DatasetVersionRead.model_validate(self.versions[dataset, number])

    def add(self, dataset: str, number: int, table: Any) -> None:
        """Keep an Arrow table as a dataset version."""
        from millrace_training.rows.files import to_parquet
        from millrace_training.rows.profile import schema

        data = to_parquet(table)
        file = {"digest": self.put_artifact(data), "rows": table.num_rows, "size": len(data)}
        self.versions[dataset, number] = {
            "dataset": dataset,
            "number": number,
            "parent": None,
            "digest": file["digest"],
            "files": [file],
            "schema": schema(table),
            "profile": {},
            "contract": None,
            "source": {"kind": "file", "digest": file["digest"]},
            "rows": table.num_rows,
            "first_event": None,
            "last_event": None,
            "created_at": "2030-01-01T00:00:00Z",
        }

    def create_run(self, run: TrainingRunWrite) -> Any:
        self.runs[run.key] = run.model_dump(mode="json", exclude_unset=True)
        return SimpleNamespace(id=run.key)

    def update_run(self, run: str, change: TrainingRunChange) -> None:
        self.runs[run] |= change.model_dump(mode="json", exclude_unset=True)


@pytest.fixture
def registry() -> MemoryRegistry:
    """A registry in memory."""
    return MemoryRegistry()


def run_train(spec: dict[str, Any], context: Any) -> dict[str, Any]:
    """The train job, from JSON to JSON as it travels."""
    from millrace_contracts.learning import TrainSpec
    from millrace_training.automl import train

    return train.run(TrainSpec.model_validate(spec), context).model_dump(mode="json")


def run_evaluate(spec: dict[str, Any], context: Any) -> dict[str, Any]:
    """The evaluate job, from JSON to JSON as it travels."""
    from millrace_contracts.learning import EvaluateSpec
    from millrace_training.evaluate import evaluate

    return evaluate.run(EvaluateSpec.model_validate(spec), context).model_dump(mode="json")


@pytest.fixture
def make_context(tmp_path: Path, registry: MemoryRegistry) -> Callable[..., Any]:
    """Makes the context of a job, as its child process would: `make_context(key="job", is_cancelled=...)`."""
    from millrace_training.runtime import executors
    from millrace_training.runtime.assignment import JobIdentity
    from millrace_training.runtime.context import Context
    from millrace_training.runtime.trials import TrialStore

    def make(key: str = "job", is_cancelled: Callable[[], bool] = lambda: False) -> Context:
        folder = tmp_path / key
        (folder / "scratch").mkdir(parents=True, exist_ok=True)
        return Context(
            client=SimpleNamespace(registry=registry),
            scratch=folder / "scratch",
            trials=TrialStore(folder / "trials.sqlite"),
            threads=2,
            job=JobIdentity("1", key, "train", "loop", 1, 1),
            emit=lambda news: None,
            is_cancelled=is_cancelled,
            make_executor=lambda name: executors.make(name, 2, 2 << 30),
        )

    return make


@pytest.fixture
def trained(registry: MemoryRegistry, make_context: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """The train job on a table that is version 1 of a dataset: `trained(dataset, table, spec, key)`."""

    def run(dataset: str, table: Any, spec: dict[str, Any], key: str) -> dict[str, Any]:
        registry.add(dataset, 1, table)
        context = make_context(key)
        try:
            return run_train(spec, context)
        finally:
            context.close()

    return run
