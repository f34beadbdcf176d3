"""The serving service: endpoints and rollouts over REST, discovery for Envoy, and the loops that keep them true."""

import asyncio

import httpx
from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.outbox import deliver_forever
from millrace_core.reconcile import run_forever
from millrace_serving.endpoints import routes as endpoints
from millrace_serving.gateway import discovery
from millrace_serving.gateway import routes as gateway
from millrace_serving.planes.local import LocalPlane
from millrace_serving.planes.plane import Plane
from millrace_serving.predictions import routes as predictions
from millrace_serving.rollouts import routes as rollouts
from millrace_serving.rollouts.controller import Rollouts
from millrace_serving.settings import ServingSettings
from millrace_serving.tables import Outbox

MODELS_SECONDS = 4.0
PUBLISH_SECONDS = 5.0
COUNT_SECONDS = 2.0


def build(settings: ServingSettings | None = None) -> FastAPI:
    """Serving with settings from the environment."""
    settings = settings or ServingSettings()
    live = settings.data_plane
    app = create_app(
        settings,
        "serving",
        [predictions.router, rollouts.router, endpoints.router, gateway.router, discovery.router],
        metadata_package="millrace_serving",
        start=[_start],
        stop=[_stop],
        background=[
            deliver_forever(Outbox),
            _loads,
            *([_processes, _models, _routes, _counts, _safety] if live else []),
        ],
        ready={"data plane": _ready} if live else None,
    )
    app.state.plane = None
    return app


def _plane(app: FastAPI) -> Plane:
    """The data plane of the platform that serving runs on."""
    if app.state.settings.platform == "laptop":
        return LocalPlane(app)
    from millrace_core.kubernetes import Cluster
    from millrace_serving.planes.cluster import ClusterPlane

    return ClusterPlane(app, Cluster.here())


async def _start(app: FastAPI) -> None:
    if app.state.settings.data_plane:
        app.state.plane = _plane(app)
        app.state.discovery = app.state.plane.discovery
        app.state.gateway = httpx.AsyncClient(
            base_url=app.state.plane.gateway_url,
            trust_env=False,
            timeout=app.state.settings.inference_seconds + 5,
        )
        await app.state.plane.start()
    app.state.rollouts = Rollouts(app, app.state.plane)


async def _stop(app: FastAPI) -> None:
    if app.state.plane is not None:
        await app.state.gateway.aclose()
        await app.state.plane.stop()


async def _ready(app: FastAPI) -> str | None:
    return await app.state.plane.ready()


async def _processes(app: FastAPI) -> None:
    """Keep Triton and Envoy running, or see who runs."""
    plane = app.state.plane
    every = plane.supervise_seconds
    await run_forever("processes", plane.supervise, every=every, wake=plane.due, backoff_max=5.0)


async def _models(app: FastAPI) -> None:
    """Keep every wanted revision loaded and answering."""
    plane = app.state.plane
    await run_forever("models", plane.keep_models, every=MODELS_SECONDS, wake=plane.wake, backoff_max=5.0)


async def _routes(app: FastAPI) -> None:
    """Keep trying to bring what is published to Envoy."""
    await run_forever("routes", app.state.plane.publish, every=PUBLISH_SECONDS, backoff_max=5.0)


async def _counts(app: FastAPI) -> None:
    """Keep what Envoy has counted, should it die."""
    await run_forever("counts", app.state.plane.totals, every=COUNT_SECONDS, backoff_max=5.0)


async def _loads(app: FastAPI) -> None:
    """Load the candidates of new rollouts."""
    found = app.state.rollouts
    await run_forever("loads", found.load_all, every=5.0, wake=found.wake, backoff_max=5.0)


async def _safety(app: FastAPI) -> None:
    """Abort rollouts with hard faults, on the wall clock."""
    await asyncio.sleep(app.state.settings.safety_seconds)
    await run_forever("safety", app.state.rollouts.watch_faults, every=app.state.settings.safety_seconds)
