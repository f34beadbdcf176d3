"""Where MLflow's paths stand, and who may use them."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from millrace_core.auth import permit

API = "/api/2.0/mlflow"
API_3 = "/api/3.0/mlflow"
READ, WRITE = permit("registry.mlflow.read"), permit("registry.mlflow.write")
"""What a loop owns is written by no one through these doors, whatever their permission."""


class Doors(APIRouter):
    """The routes of one room; answers leave out what is absent, as MLflow's do."""

    def __init__(self, prefix: str = API) -> None:
        super().__init__(prefix=prefix, tags=["mlflow"])

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().add_api_route(path, endpoint, **(options | {"response_model_exclude_none": True}))
