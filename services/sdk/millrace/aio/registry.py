"""The registry: projects, datasets, runs, models, aliases, decisions, lineage and artifacts; one method a route."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from millrace.aio.api import AsyncApi
from millrace.aio.audit import AsyncAuditing
from millrace.aio.decisions import AsyncDecisions
from millrace.aio.projects import AsyncProjects
from millrace.transport.files import AsyncFileBody
from millrace.transport.requests import Call, get, part, patch, post, put
from millrace_contracts.adopting import AdoptableRead
from millrace_contracts.artifacts import (
    ArtifactRead,
    RetentionRead,
    RetentionWrite,
)
from millrace_contracts.bodies import Page
from millrace_contracts.datasets import (
    DatasetRead,
    DatasetVersionRead,
    DatasetVersionWrite,
    DatasetWrite,
    QuarantineRead,
    QuarantineStanding,
    QuarantineState,
    QuarantineVerdict,
    QuarantineWrite,
)
from millrace_contracts.lineage import LineageRead
from millrace_contracts.models import (
    AliasMoveRead,
    AliasRead,
    AliasWrite,
    ModelRead,
    ModelVersionRead,
    ModelVersionWrite,
    ModelWrite,
)
from millrace_contracts.training_runs import TrainingRunChange, TrainingRunRead, TrainingRunWrite

LONG = 600.0
"""Seconds that the bytes of an artifact may take."""


class AsyncRegistry(AsyncProjects, AsyncDecisions, AsyncAuditing):
    """Datasets, runs, models, aliases, decisions and artifacts.

    Every method raises ApiError when the registry refuses. *project* of a call overrides the client's own.
    """

    def __init__(self, api: AsyncApi) -> None:
        self.api = api

    async def put_artifact(
        self,
        data: bytes | Path,
        media_type: str = "application/octet-stream",
        *,
        project: str | None = None,
        retry: bool = True,
    ) -> str:
        """Store bytes, or a file of any size; returns the digest. The same bytes again are the same artifact."""
        content = data if isinstance(data, bytes) else AsyncFileBody(data)
        kind, path = {"content-type": media_type}, "/v1/artifacts"
        call = Call("POST", path, content=content, headers=kind, project=project, timeout=LONG, retry=retry)
        return (await self.api.answer(ArtifactRead, call)).digest

    async def get_artifact(self, digest: str, *, project: str | None = None) -> bytes:
        """The bytes of an artifact."""
        call = get(f"/v1/artifacts/{part(digest)}", project=project, timeout=LONG)
        return (await self.api.send(call)).content

    def artifact_chunks(self, digest: str, *, project: str | None = None) -> AsyncIterator[bytes]:
        """The bytes of an artifact in pieces, as they come; a large one never lies in memory as a whole."""
        return self.api.chunks(get(f"/v1/artifacts/{part(digest)}", project=project))

    async def artifact(self, digest: str, *, project: str | None = None) -> ArtifactRead:
        """Size and type of an artifact, without its bytes."""
        return await self.api.answer(
            ArtifactRead, get(f"/v1/artifacts/{part(digest)}/facts", project=project)
        )

    async def check_artifact(self, digest: str, *, project: str | None = None) -> None:
        """See to it that an artifact is there and whole. Raises: ApiError 404 if it is not."""
        await self.api.send(Call("HEAD", f"/v1/artifacts/{part(digest)}", project=project, timeout=LONG))

    async def put_dataset(
        self, dataset: str, description: str = "", *, project: str | None = None
    ) -> DatasetRead:
        """Make a dataset, or change its description."""
        body = DatasetWrite(description=description)
        return await self.api.answer(DatasetRead, put(_dataset(dataset), body, project=project))

    async def datasets(self, *, project: str | None = None) -> list[DatasetRead]:
        """The project's datasets by name."""
        return await self.api.every(DatasetRead, get("/v1/datasets", project=project))

    async def dataset(self, dataset: str, *, project: str | None = None) -> DatasetRead:
        """One dataset."""
        return await self.api.answer(DatasetRead, get(_dataset(dataset), project=project))

    async def add_dataset_version(
        self, dataset: str, version: DatasetVersionWrite, *, project: str | None = None
    ) -> DatasetVersionRead:
        """Add an immutable version on top of the newest; the same source again answers with what it made."""
        call = post(f"{_dataset(dataset)}/versions", version, project=project)
        return await self.api.answer(DatasetVersionRead, call)

    async def dataset_versions(
        self, dataset: str, *, since: datetime | None = None, project: str | None = None
    ) -> list[DatasetVersionRead]:
        """All versions of a dataset, or those that were added later than *since*, oldest first."""
        call = get(f"{_dataset(dataset)}/versions", project=project, since=since)
        return await self.api.every(DatasetVersionRead, call)

    async def dataset_version(
        self, dataset: str, number: int | None = None, *, project: str | None = None
    ) -> DatasetVersionRead:
        """One version of a dataset; the newest if no number is given."""
        path = f"{_dataset(dataset)}/versions/{'latest' if number is None else number}"
        return await self.api.answer(DatasetVersionRead, get(path, project=project))

    async def quarantine(
        self, dataset: str, refused: QuarantineWrite, *, project: str | None = None
    ) -> QuarantineRead:
        """Keep refused data with its report."""
        call = post(f"{_dataset(dataset)}/quarantine", refused, project=project)
        return await self.api.answer(QuarantineRead, call)

    async def quarantined(
        self, dataset: str, *, state: QuarantineState | None = None, project: str | None = None
    ) -> list[QuarantineRead]:
        """Refused data of a dataset, oldest first: all of it, or only what *waits* for a person."""
        path = f"{_dataset(dataset)}/quarantine"
        return await self.api.every(QuarantineRead, get(path, project=project, state=state))

    async def quarantine_page(
        self,
        dataset: str,
        state: QuarantineState | None = None,
        cursor: str | None = None,
        limit: int = 20,
        *,
        project: str | None = None,
    ) -> Page[QuarantineRead]:
        """A page of a dataset's refused data, the newest first; *cursor*: `next` of the page before."""
        call = get(
            f"{_dataset(dataset)}/quarantine",
            project=project,
            state=state,
            order="newest",
            limit=limit,
            cursor=cursor,
        )
        return await self.api.answer(Page[QuarantineRead], call)

    async def standing_quarantines(self) -> list[QuarantineStanding]:
        """The datasets of all projects of which refused deliveries wait."""
        return await self.api.every(QuarantineStanding, get("/v1/quarantine"))

    async def refused(self, entry: int, *, project: str | None = None) -> QuarantineRead:
        """One refused delivery with its report, whatever its dataset."""
        return await self.api.answer(QuarantineRead, get(f"/v1/quarantine/{entry}", project=project))

    async def settle(self, entry: int, verdict: QuarantineVerdict, *, project: str | None = None) -> None:
        """Record that a refused delivery was taken, or drop it. Raises: ApiError 409 if settled otherwise."""
        await self.api.send(post(f"/v1/quarantine/{entry}:settle", verdict, project=project))

    async def create_run(self, run: TrainingRunWrite, *, project: str | None = None) -> TrainingRunRead:
        """Begin a training run; the same key again answers with the same run."""
        return await self.api.answer(TrainingRunRead, post("/v1/runs", run, project=project))

    async def update_run(
        self, run: str, change: TrainingRunChange, *, project: str | None = None
    ) -> TrainingRunRead:
        """Add metrics and artifacts to a training run, or end it."""
        return await self.api.answer(TrainingRunRead, patch(f"/v1/runs/{part(run)}", change, project=project))

    async def run(self, run: str, *, project: str | None = None) -> TrainingRunRead:
        """One training run."""
        return await self.api.answer(TrainingRunRead, get(f"/v1/runs/{part(run)}", project=project))

    async def runs(self, loop: str | None = None, *, project: str | None = None) -> list[TrainingRunRead]:
        """Training runs, of one loop or of all."""
        return await self.api.every(TrainingRunRead, get("/v1/runs", project=project, loop=loop))

    async def put_model(
        self, model: str, description: str = "", guarded: bool | None = None, *, project: str | None = None
    ) -> ModelRead:
        """Make a model, or change its description."""
        body = ModelWrite(description=description, guarded=guarded)
        return await self.api.answer(ModelRead, put(_model(model), body, project=project))

    async def models(self, *, project: str | None = None) -> list[ModelRead]:
        """The project's models by name."""
        return await self.api.every(ModelRead, get("/v1/models", project=project))

    async def model(self, model: str, *, project: str | None = None) -> ModelRead:
        """One model."""
        return await self.api.answer(ModelRead, get(_model(model), project=project))

    async def add_version(
        self, model: str, version: ModelVersionWrite, *, project: str | None = None
    ) -> ModelVersionRead:
        """Register a release unit; its graphs are inspected, which takes a second or two."""
        call = post(f"{_model(model)}/versions", version, project=project, timeout=300)
        return await self.api.answer(ModelVersionRead, call)

    async def versions(self, model: str, *, project: str | None = None) -> list[ModelVersionRead]:
        """All versions of a model, oldest first."""
        return await self.api.every(ModelVersionRead, get(f"{_model(model)}/versions", project=project))

    async def version(self, model: str, number: int, *, project: str | None = None) -> ModelVersionRead:
        """One version of a model."""
        path = f"{_model(model)}/versions/{number}"
        return await self.api.answer(ModelVersionRead, get(path, project=project))

    async def aliases(self, model: str, *, project: str | None = None) -> dict[str, int | None]:
        """Version by alias."""
        answered = await self.api.answer(list[AliasRead], get(f"{_model(model)}/aliases", project=project))
        return {alias.name: alias.version for alias in answered}

    async def alias(
        self,
        model: str,
        alias: str,
        at: datetime | None = None,
        known_at: datetime | None = None,
        *,
        project: str | None = None,
    ) -> int | None:
        """Where an alias points, or pointed at the event time *at*, by what was recorded until *known_at*."""
        call = get(f"{_model(model)}/aliases/{part(alias)}", project=project, at=at, known_at=known_at)
        return (await self.api.answer(AliasRead, call)).version

    async def move_alias(
        self, model: str, alias: str, move: AliasWrite, *, project: str | None = None
    ) -> AliasRead:
        """Compare-and-set. Raises: ApiError 409 if the alias is not where `move.expected` says."""
        call = put(f"{_model(model)}/aliases/{part(alias)}", move, project=project)
        return await self.api.answer(AliasRead, call)

    async def alias_history(
        self, model: str, alias: str, *, project: str | None = None
    ) -> list[AliasMoveRead]:
        """Every move of an alias, oldest first."""
        call = get(f"{_model(model)}/aliases/{part(alias)}/history", project=project)
        return await self.api.answer(list[AliasMoveRead], call)

    async def lineage(self, model: str, version: int, *, project: str | None = None) -> LineageRead:
        """Which data made a model: its run, dataset versions and raw sources, and the decisions about it."""
        call = get("/v1/lineage", project=project, model=model, version=version)
        return await self.api.answer(LineageRead, call)

    async def apply_retention(self, older_than_seconds: int, dry_run: bool = True) -> RetentionRead:
        """Remove old artifacts that nothing mentions; in a dry run only say which."""
        body = RetentionWrite(older_than_seconds=older_than_seconds, dry_run=dry_run)
        return await self.api.answer(RetentionRead, post("/v1/retention:apply", body))

    async def adoptable(self, model: str, version: int, *, project: str | None = None) -> AdoptableRead:
        """The ONNX file of a version that MLflow's client registered. Raises: ApiError 422 for any other model."""
        call = get("/v1/adoptable", project=project, model=model, version=version)
        return await self.api.answer(AdoptableRead, call)


def _dataset(dataset: str) -> str:
    return f"/v1/datasets/{part(dataset)}"


def _model(model: str) -> str:
    return f"/v1/models/{part(model)}"
