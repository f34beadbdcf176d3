"""Data over HTTP: rows without a file, and a contract from a sample. Both answer with a job."""

import hashlib
from typing import Annotated

import httpx
import orjson
from fastapi import APIRouter, Path, Response

from millrace.transport.errors import ApiError
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.jobs import JobNew, JobRead
from millrace_contracts.rows import InferSpec, RowsNew
from millrace_core.auth import permit
from millrace_core.errors import Unavailable
from millrace_core.names import Name, Project
from millrace_training.jobs.submitting import submit
from millrace_training.services import CurrentServices, Services
from millrace_training.tables import Job

router = APIRouter(prefix="/v1", tags=["data"])
DatasetName = Annotated[Name, Path(description="The dataset.")]
NDJSON = "application/x-ndjson"


@router.post(
    "/datasets/{dataset}/rows",
    status_code=201,
    response_model=JobRead,
    dependencies=[permit("training.data.write")],
)
async def rows(
    services: CurrentServices, response: Response, project: Project, dataset: DatasetName, new: RowsNew
) -> Job:
    """Rows over REST: they are kept as an artifact and ingested like a file; the same rows again are one job."""
    options = new.model_dump(mode="json", exclude={"rows"})
    content = b"\n".join(orjson.dumps(row) for row in new.rows)
    digest = await _keep(services, project, content)
    source = ArtifactSource(digest=digest, name="rows", format="jsonl", origin="rows")
    spec = {"dataset": dataset, "source": source.model_dump(mode="json")} | options
    job = JobNew(key=f"rows-{dataset}-{_hash(spec)}", kind="ingest", spec=spec)
    return await submit(services, response, project, job)


@router.post(
    "/contracts:infer",
    status_code=201,
    response_model=JobRead,
    dependencies=[permit("training.data.write")],
)
async def infer(services: CurrentServices, response: Response, project: Project, asked: InferSpec) -> Job:
    """What contract a sample suggests, as a job of kind `infer`; the same question again is one job."""
    spec = asked.model_dump(mode="json")
    return await submit(
        services, response, project, JobNew(key=f"infer-{_hash(spec)}", kind="infer", spec=spec)
    )


async def _keep(services: Services, project: str, content: bytes) -> str:
    """Store the rows with the registry; returns their digest. Raises: Unavailable when it does not answer."""
    try:
        return await services.clients.registry.put_artifact(content, NDJSON, project=project, retry=False)
    except (httpx.TransportError, ApiError) as error:
        raise Unavailable("The registry cannot keep the rows now; try again soon.") from error


def _hash(spec: dict[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
