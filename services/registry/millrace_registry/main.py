"""The registry service: the facts about data, models and decisions, and the bytes behind them."""

import asyncio

from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.settings import Settings
from millrace_core.storage import Store
from millrace_registry.aliases.routes import router as aliases
from millrace_registry.artifacts import routes as artifacts
from millrace_registry.datasets.routes import router as datasets
from millrace_registry.decisions.routes import router as decisions
from millrace_registry.lineage.routes import router as lineage
from millrace_registry.models.routes import router as models
from millrace_registry.projects.routes import router as projects
from millrace_registry.retention.controller import keep_applying
from millrace_registry.retention.routes import router as retention
from millrace_registry.runs.routes import router as runs


class RegistrySettings(Settings):
    service: str = "registry"
    artifact_retention_days: float = 30
    """Age in days below which an artifact that nothing mentions is kept."""
    retention_seconds: float = 21_600
    """Seconds between two passes of retention."""


async def _open_store(app: FastAPI) -> None:
    app.state.store = Store(app.state.settings.storage_url)
    app.state.inspecting = asyncio.Semaphore(1)


ROUTERS = (artifacts.router, projects, datasets, runs, models, aliases, decisions, lineage, retention)


def build(settings: RegistrySettings | None = None) -> FastAPI:
    """The application, with settings from the environment if none are given."""
    return create_app(
        settings or RegistrySettings(),
        title="registry",
        routers=ROUTERS,
        metadata_package="millrace_registry",
        start=[_open_store],
        background=[keep_applying],
        large_paths=(artifacts.PATH,),
    )
