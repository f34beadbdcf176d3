"""The project of a request; names of things stand in `millrace_contracts.names`."""

import hashlib
from typing import Annotated

from fastapi import Depends, Query

from millrace_contracts.names import Digest as Digest
from millrace_contracts.names import Name as Name
from millrace_contracts.names import ProjectName as ProjectName


def shortened(text: str, longest: int) -> str:
    """The text; one with more than *longest* characters is cut, and told apart from others by its digest."""
    if len(text) <= longest:
        return text
    return text[: longest - 9] + "~" + hashlib.sha256(text.encode()).hexdigest()[:8]


async def project_of_request(
    project: Annotated[Name, Query(description="The project (tenant).")] = "default",
) -> str:
    """What `?project=` says; the guard of a route that takes it looks at roles in that project."""
    return project


Project = Annotated[str, Depends(project_of_request)]
"""The project of the request: `?project=`, `default` when it is left out."""
