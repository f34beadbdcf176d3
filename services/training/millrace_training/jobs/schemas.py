"""What names a job in a request."""

from typing import Annotated

from fastapi import Path

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The job's id.")]
