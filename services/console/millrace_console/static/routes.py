"""The files that pages load."""

from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath

from millrace_console import stamps
from millrace_core.auth import PUBLIC, permit
from millrace_core.errors import NotFound

router = APIRouter(include_in_schema=False)
Short = Annotated[str, InPath(max_length=100)]
YEAR = "public, max-age=31536000, immutable"


@router.get("/static/{digest}/{name}", dependencies=[permit(PUBLIC)])
def file(digest: Short, name: Short) -> Response:
    """One file; under the digest of other bytes there is none."""
    data = stamps.known().get(name)
    if data is None or stamps.digest(name) != digest:
        raise NotFound("There is no such file.")
    kind = stamps.TYPES[PurePosixPath(name).suffix]
    return Response(data, media_type=f"{kind}; charset=utf-8", headers={"cache-control": YEAR})


@router.get("/favicon.ico", dependencies=[permit(PUBLIC)])
def icon() -> Response:
    """The sign in the browser's tab."""
    return Response(
        stamps.known()["millrace.svg"], media_type="image/svg+xml", headers={"cache-control": YEAR}
    )
