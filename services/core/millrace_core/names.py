"""Names of things: one pattern, safe in a URL, a file name and a Kubernetes object."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import StringConstraints

PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
Name = Annotated[str, StringConstraints(pattern=PATTERN)]
ProjectName = Name
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


def _project(project: Annotated[Name, Query(description="The project (tenant).")] = "default") -> str:
    return project


Project = Annotated[str, Depends(_project)]
"""The project of the request: `?project=`, `default` when it is left out."""
