"""A real registry, a stand-in for the controller that knows one loop, and rows to stream."""

import json

import pytest
from fastapi import FastAPI, HTTPException

from millrace_contracts.loop import ModelLoop
from millrace_registry.main import RegistrySettings
from millrace_registry.main import build as build_registry

LOOP = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "shops"},
    "spec": {"task": "regression", "target": "y", "data": {"dataset": "sales", "eventTime": "at"}},
}


@pytest.fixture
def registry(home, background):
    url, stop = background(build_registry(RegistrySettings(home=home)))
    yield url
    stop()


@pytest.fixture
def controller(background):
    """A controller that has declared `shops`, in every project."""
    url, stop = background(declaring("shops"))
    yield url
    stop()


def declaring(*names):
    """A controller that has declared *names* in every project; every loop, if there are none."""
    app, document = FastAPI(), ModelLoop.model_validate(LOOP).document()

    @app.get("/v1/loops/{loop}")
    def loop(loop: str):
        if names and loop not in names:
            raise HTTPException(404)
        at = "2024-01-01T00:00:00Z"
        stands = {"name": loop, "project": "default", "mode": "live", "state": "active", "generation": 1}
        stands |= {"phase": "waiting", "champion": None, "candidate": None, "conditions": [], "owner": None}
        stands |= {"archive": [], "run": None, "settled_through": None, "settled": True, "rest_until": None}
        return stands | {"message": "", "created_at": at, "updated_at": at, "document": document}

    return app


@pytest.fixture
def urls(registry, controller):
    return {"registry_url": registry, "controller_url": controller}


@pytest.fixture
def client(registry):
    from millrace.client import Millrace

    return Millrace({"registry": registry}, "token-of-training")


@pytest.fixture
def lines():
    """`lines(first, last)` are rows as JSON lines."""

    def made(first, last):
        return b"".join(json.dumps(row(n)).encode() + b"\n" for n in range(first, last + 1))

    return made


def row(n):
    hour = f"2024-01-{1 + n // 24 % 28:02d}T{n % 24:02d}:00:00Z"
    return {"id": f"r{n}", "shop": "nord" if n % 2 else "süd", "n": n, "at": hour, "y": n % 200 * 1.5}


@pytest.fixture
def rows(client):
    """`rows()` are those of the newest version of the dataset."""
    from millrace_training.rows import files

    def read():
        version = client.registry.dataset_version("sales")
        return files.from_parquet([client.registry.get_artifact(file.digest) for file in version.files])

    return read
