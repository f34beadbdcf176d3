"""A training service in this process, and a token to talk to it with."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

TOKENS = {"user": "admin", "training": "training", "viewer": "viewer"}


def headers(name: str = "user") -> dict[str, str]:
    return {"authorization": f"Bearer token-of-{name}"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a tokens file."""
    run = tmp_path / "home" / "run"
    run.mkdir(parents=True)
    entries = [
        {"name": name, "role": role, "sha256": hashlib.sha256(f"token-of-{name}".encode()).hexdigest()}
        for name, role in TOKENS.items()
    ]
    (run / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return tmp_path / "home"


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
