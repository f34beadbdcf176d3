"""The project of a request; names of things stand in `millrace_contracts.names`."""

from typing import Annotated

from fastapi import Depends, Query

from millrace_contracts.names import Digest as Digest
from millrace_contracts.names import Name as Name
from millrace_contracts.names import ProjectName as ProjectName


def _project(project: Annotated[Name, Query(description="The project (tenant).")] = "default") -> str:
    return project


Project = Annotated[str, Depends(_project)]
"""The project of the request: `?project=`, `default` when it is left out."""
