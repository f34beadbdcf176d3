"""The serving service: endpoints and rollouts over REST, discovery for Envoy, and the loops that keep them true."""

import asyncio
from typing import cast

from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.ledger import routes as ledger
from millrace_core.ledger.telling import tell_forever
from millrace_core.outbox import deliver_forever
from millrace_core.reconcile import run_forever
from millrace_core.services import NOWHERE
from millrace_core.services import Services as CoreServices
from millrace_serving.dataplane import DataPlane
from millrace_serving.endpoints import routes as endpoints
from millrace_serving.gateway import discovery
from millrace_serving.gateway import keys as gateway_keys
from millrace_serving.gateway import routes as gateway
from millrace_serving.lines import Lines
from millrace_serving.movement import Movement
from millrace_serving.planes.local import LocalPlane
from millrace_serving.predictions import routes as predictions
from millrace_serving.refusals import routes as refusals
from millrace_serving.rollouts import routes as rollouts
from millrace_serving.rollouts.controller import Rollouts
from millrace_serving.services import Services
from millrace_serving.settings import ServingSettings
from millrace_serving.standby import routes as standby
from millrace_serving.tables import LedgerRow, Outbox
from millrace_serving.variants import routes as measurements
from millrace_serving.variants.controller import Forms

MODELS_SECONDS = 4.0
PUBLISH_SECONDS = 5.0
COUNT_SECONDS = 2.0
ISSUERS_SECONDS = 15.0
SIZES_SECONDS = 3.0


def build(settings: ServingSettings | None = None) -> FastAPI:
    """Serving with settings from the environment."""
    settings = settings or ServingSettings()
    live = settings.data_plane
    kept_true = [
        _processes,
        _models,
        _routes,
        _issuers,
        _counts,
        _safety,
        _forms,
        _sizes,
        tell_forever(LedgerRow),
    ]
    return create_app(
        settings,
        "serving",
        [
            predictions.router,
            rollouts.router,
            endpoints.router,
            gateway.router,
            gateway_keys.router,
            refusals.router,
            discovery.router,
            measurements.router,
            standby.router,
            ledger.router(LedgerRow),
        ],
        metadata_package="millrace_serving",
        start=[ledger.begin(LedgerRow), _start],
        stop=[_stop],
        background=[
            deliver_forever(Outbox),
            _loads,
            *(kept_true if live else []),
        ],
        ready={"data plane": _ready} if live else None,
        make=_make,
    )


def _make(core: CoreServices) -> Services:
    """Serving's own object out of core's part."""
    settings = cast(ServingSettings, core.settings)
    plane = _plane(core) if settings.data_plane else None
    url = NOWHERE if plane is None else plane.gateway_url
    gateway = Lines(url, settings.inference_seconds + 5, settings.credential)
    return Services(**vars(core), plane=plane, gateway=gateway, movement=Movement())


def _plane(core: CoreServices) -> DataPlane:
    """The data plane of the platform that serving runs on."""
    if cast(ServingSettings, core.settings).platform == "laptop":
        return LocalPlane(core)
    from millrace_core.kubernetes import Cluster
    from millrace_serving.planes.cluster import ClusterPlane

    return ClusterPlane(core, Cluster.here())


async def _start(services: Services) -> None:
    if services.plane is not None:
        await services.plane.start()


async def _stop(services: Services) -> None:
    await services.gateway.close()
    if services.plane is not None:
        await services.plane.stop()


async def _ready(services: Services) -> str | None:
    return await services.running().ready()


async def _processes(services: Services) -> None:
    """Keep Triton and Envoy running, or see who runs."""
    plane = services.running()
    every = plane.supervise_seconds
    await run_forever("processes", plane.supervise, every=every, wake=plane.due, backoff_max=5.0)


async def _models(services: Services) -> None:
    """Keep every wanted revision loaded and answering."""
    plane = services.running()
    await run_forever("models", plane.keep_models, every=MODELS_SECONDS, wake=plane.wake, backoff_max=5.0)


async def _routes(services: Services) -> None:
    """Keep trying to bring what is published to Envoy."""
    await run_forever("routes", services.running().publish, every=PUBLISH_SECONDS, backoff_max=5.0)


async def _issuers(services: Services) -> None:
    """Keep knowing the keys of those whose tokens the gateway believes."""
    await asyncio.sleep(ISSUERS_SECONDS)
    await run_forever("issuers", services.running().know_issuers, every=ISSUERS_SECONDS, backoff_max=60.0)


async def _counts(services: Services) -> None:
    """Keep what Envoy has counted, should it die."""
    await run_forever("counts", services.running().totals, every=COUNT_SECONDS, backoff_max=5.0)


async def _forms(services: Services) -> None:
    """Serve each version in the form that its nodes run fastest."""
    every = services.settings.form_seconds
    wake = services.measured
    await run_forever("forms", Forms(services).keep, every=every, wake=wake, backoff_max=60.0)


async def _sizes(services: Services) -> None:
    """Ask how large graphs are that are new here."""
    await run_forever("sizes", services.running().know_sizes, every=SIZES_SECONDS, backoff_max=60.0)


async def _loads(services: Services) -> None:
    """Load the candidates of new rollouts."""
    moves, wake = Rollouts(services), services.movement.wake
    await run_forever("loads", moves.load_all, every=5.0, wake=wake, backoff_max=5.0)


async def _safety(services: Services) -> None:
    """Abort rollouts with hard faults, on the wall clock."""
    seconds = services.settings.safety_seconds
    await asyncio.sleep(seconds)
    await run_forever("safety", Rollouts(services).watch_faults, every=seconds)
