"""The registry service: the facts about data, models and decisions, and the bytes behind them."""

from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.ledger import routes as ledger
from millrace_registry.aliases.routes import router as aliases
from millrace_registry.artifacts import routes as artifacts
from millrace_registry.audit.checks import STAGES
from millrace_registry.audit.controller import keep_signing
from millrace_registry.audit.routes import router as audit
from millrace_registry.datasets.routes import router as datasets
from millrace_registry.decisions.routes import router as decisions
from millrace_registry.lineage.routes import router as lineage
from millrace_registry.mlflow import api as mlflow
from millrace_registry.mlflow.dialect import MlflowDialect
from millrace_registry.mlflow.following.controller import keep_following
from millrace_registry.models.routes import router as models
from millrace_registry.projects.routes import router as projects
from millrace_registry.quarantine.routes import router as quarantine
from millrace_registry.retention.controller import keep_applying
from millrace_registry.retention.routes import router as retention
from millrace_registry.runs.routes import router as runs
from millrace_registry.services import make
from millrace_registry.settings import RegistrySettings
from millrace_registry.tables import LedgerRow
from millrace_registry.tokens import asking
from millrace_registry.tokens.routes import router as tokens

ROUTERS = (
    artifacts.router,
    projects,
    tokens,
    datasets,
    quarantine,
    runs,
    models,
    aliases,
    decisions,
    lineage,
    retention,
    audit,
    ledger.router(LedgerRow, STAGES),
    *mlflow.ROUTERS,
)


def build(settings: RegistrySettings | None = None) -> FastAPI:
    """The application, with settings from the environment if none are given."""
    return create_app(
        settings or RegistrySettings(),
        title="registry",
        routers=ROUTERS,
        metadata_package="millrace_registry",
        start=[ledger.begin(LedgerRow), asking.begin],
        background=[keep_applying, keep_following, keep_signing],
        large_paths=(artifacts.PATH, *mlflow.LARGE),
        around=(MlflowDialect,),
        make=make,
    )


__all__ = ["RegistrySettings", "build"]
