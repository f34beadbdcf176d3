"""All routes of MLflow's API."""

from fastapi import APIRouter

from millrace_registry.mlflow.adopting import routes as adopting
from millrace_registry.mlflow.catalogue import routes as catalogue
from millrace_registry.mlflow.catalogue import versions
from millrace_registry.mlflow.experiments import routes as experiments
from millrace_registry.mlflow.files import routes as files
from millrace_registry.mlflow.logged import routes as logged
from millrace_registry.mlflow.server import routes as server
from millrace_registry.mlflow.tracking import logging
from millrace_registry.mlflow.tracking import routes as tracking

LARGE = (files.PATH,)
"""Paths whose bodies are files."""
ROUTERS: tuple[APIRouter, ...] = (
    *server.ROUTERS,
    experiments.router,
    tracking.router,
    logging.router,
    *files.ROUTERS,
    logged.router,
    catalogue.router,
    versions.router,
    adopting.router,
)
