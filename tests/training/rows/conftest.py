"""A real registry over HTTP, a stand-in for monitoring's feedback, and jobs run in this process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def registry(home: Path, background: Any) -> Iterator[str]:
    """URL of a real registry with its own empty database."""
    from millrace_registry.main import RegistrySettings, build

    url, stop = background(build(RegistrySettings(home=home)))
    yield url
    stop()


class Feedback:
    """What monitoring would hand out: set `data`; `asked` notes the spans that were asked for."""

    def __init__(self) -> None:
        self.data = b""
        self.asked: list[tuple[str | None, str | None]] = []
        self.url = ""


@pytest.fixture
def monitoring(background: Any) -> Iterator[Feedback]:
    feedback, app = Feedback(), FastAPI()

    @app.get("/v1/monitors/{endpoint}/feedback")
    def rows(endpoint: str, request: Request) -> Response:
        feedback.asked.append((request.query_params.get("since"), request.query_params.get("until")))
        return Response(feedback.data, media_type="application/vnd.apache.parquet")

    feedback.url, stop = background(app)
    yield feedback
    stop()


@pytest.fixture
def client(registry: str, monitoring: Feedback) -> Any:
    """The platform's clients, as a job has them."""
    from millrace.client import Millrace

    return Millrace({"registry": registry, "monitoring": monitoring.url}, "token-of-training")


@pytest.fixture
def context(client: Any, tmp_path: Path) -> Callable[[], Any]:
    """`context()` makes what a job's code is given; each call is another job."""
    from millrace_training.runtime.assignment import JobIdentity
    from millrace_training.runtime.context import Context
    from millrace_training.runtime.trials import TrialStore

    made: list[Path] = []

    def make() -> Context:
        scratch = tmp_path / f"job-{len(made)}"
        scratch.mkdir()
        made.append(scratch)
        return Context(
            client=client,
            scratch=scratch,
            trials=TrialStore(scratch / "trials.db"),
            threads=1,
            job=JobIdentity("0" * 32, "k", "ingest", None, None, 1),
            emit=lambda news: None,
            is_cancelled=lambda: False,
            make_executor=lambda name: None,
        )

    return make
