# Written from millrace/aio/registry.py: change that, then `make clients`.
"""The registry: projects, datasets, runs, models, aliases, decisions, lineage and artifacts; one method a route."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from millrace.client.api import Api
from millrace.client.audit import Auditing
from millrace.client.decisions import Decisions
from millrace.client.projects import Projects
from millrace.transport.files import FileBody
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


class Registry(Projects, Decisions, Auditing):
    """Datasets, runs, models, aliases, decisions and artifacts.

    Every method raises ApiError when the registry refuses. *project* of a call overrides the client's own.
    """

    def __init__(self, api: Api) -> None:
        self.api = api

    def put_artifact(
        self,
        data: bytes | Path,
        media_type: str = "application/octet-stream",
        *,
        project: str | None = None,
        retry: bool = True,
    ) -> str:
        """Store bytes, or a file of any size; returns the digest. The same bytes again are the same artifact."""
        content = data if isinstance(data, bytes) else FileBody(data)
        kind, path = {"content-type": media_type}, "/v1/artifacts"
        call = Call("POST", path, content=content, headers=kind, project=project, timeout=LONG, retry=retry)
        return (self.api.answer(ArtifactRead, call)).digest

    def get_artifact(self, digest: str, *, project: str | None = None) -> bytes:
        """The bytes of an artifact."""
        call = get(f"/v1/artifacts/{part(digest)}", project=project, timeout=LONG)
        return (self.api.send(call)).content

    def artifact_chunks(self, digest: str, *, project: str | None = None) -> Iterator[bytes]:
        """The bytes of an artifact in pieces, as they come; a large one never lies in memory as a whole."""
        return self.api.chunks(get(f"/v1/artifacts/{part(digest)}", project=project))

    def artifact(self, digest: str, *, project: str | None = None) -> ArtifactRead:
        """Size and type of an artifact, without its bytes."""
        return self.api.answer(ArtifactRead, get(f"/v1/artifacts/{part(digest)}/facts", project=project))

    def check_artifact(self, digest: str, *, project: str | None = None) -> None:
        """See to it that an artifact is there and whole. Raises: ApiError 404 if it is not."""
        self.api.send(Call("HEAD", f"/v1/artifacts/{part(digest)}", project=project, timeout=LONG))

    def put_dataset(self, dataset: str, description: str = "", *, project: str | None = None) -> DatasetRead:
        """Make a dataset, or change its description."""
        body = DatasetWrite(description=description)
        return self.api.answer(DatasetRead, put(_dataset(dataset), body, project=project))

    def datasets(self, *, project: str | None = None) -> list[DatasetRead]:
        """The project's datasets by name."""
        return self.api.every(DatasetRead, get("/v1/datasets", project=project))

    def dataset(self, dataset: str, *, project: str | None = None) -> DatasetRead:
        """One dataset."""
        return self.api.answer(DatasetRead, get(_dataset(dataset), project=project))

    def add_dataset_version(
        self, dataset: str, version: DatasetVersionWrite, *, project: str | None = None
    ) -> DatasetVersionRead:
        """Add an immutable version on top of the newest; the same source again answers with what it made."""
        call = post(f"{_dataset(dataset)}/versions", version, project=project)
        return self.api.answer(DatasetVersionRead, call)

    def dataset_versions(
        self, dataset: str, *, since: datetime | None = None, project: str | None = None
    ) -> list[DatasetVersionRead]:
        """All versions of a dataset, or those that were added later than *since*, oldest first."""
        call = get(f"{_dataset(dataset)}/versions", project=project, since=since)
        return self.api.every(DatasetVersionRead, call)

    def dataset_version(
        self, dataset: str, number: int | None = None, *, project: str | None = None
    ) -> DatasetVersionRead:
        """One version of a dataset; the newest if no number is given."""
        path = f"{_dataset(dataset)}/versions/{'latest' if number is None else number}"
        return self.api.answer(DatasetVersionRead, get(path, project=project))

    def quarantine(
        self, dataset: str, refused: QuarantineWrite, *, project: str | None = None
    ) -> QuarantineRead:
        """Keep refused data with its report."""
        call = post(f"{_dataset(dataset)}/quarantine", refused, project=project)
        return self.api.answer(QuarantineRead, call)

    def quarantined(
        self, dataset: str, *, state: QuarantineState | None = None, project: str | None = None
    ) -> list[QuarantineRead]:
        """Refused data of a dataset, oldest first: all of it, or only what *waits* for a person."""
        path = f"{_dataset(dataset)}/quarantine"
        return self.api.every(QuarantineRead, get(path, project=project, state=state))

    def quarantine_page(
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
        return self.api.answer(Page[QuarantineRead], call)

    def standing_quarantines(self) -> list[QuarantineStanding]:
        """The datasets of all projects of which refused deliveries wait."""
        return self.api.every(QuarantineStanding, get("/v1/quarantine"))

    def refused(self, entry: int, *, project: str | None = None) -> QuarantineRead:
        """One refused delivery with its report, whatever its dataset."""
        return self.api.answer(QuarantineRead, get(f"/v1/quarantine/{entry}", project=project))

    def settle(self, entry: int, verdict: QuarantineVerdict, *, project: str | None = None) -> None:
        """Record that a refused delivery was taken, or drop it. Raises: ApiError 409 if settled otherwise."""
        self.api.send(post(f"/v1/quarantine/{entry}:settle", verdict, project=project))

    def create_run(self, run: TrainingRunWrite, *, project: str | None = None) -> TrainingRunRead:
        """Begin a training run; the same key again answers with the same run."""
        return self.api.answer(TrainingRunRead, post("/v1/runs", run, project=project))

    def update_run(
        self, run: str, change: TrainingRunChange, *, project: str | None = None
    ) -> TrainingRunRead:
        """Add metrics and artifacts to a training run, or end it."""
        return self.api.answer(TrainingRunRead, patch(f"/v1/runs/{part(run)}", change, project=project))

    def run(self, run: str, *, project: str | None = None) -> TrainingRunRead:
        """One training run."""
        return self.api.answer(TrainingRunRead, get(f"/v1/runs/{part(run)}", project=project))

    def runs(self, loop: str | None = None, *, project: str | None = None) -> list[TrainingRunRead]:
        """Training runs, of one loop or of all."""
        return self.api.every(TrainingRunRead, get("/v1/runs", project=project, loop=loop))

    def put_model(
        self, model: str, description: str = "", guarded: bool | None = None, *, project: str | None = None
    ) -> ModelRead:
        """Make a model, or change its description."""
        body = ModelWrite(description=description, guarded=guarded)
        return self.api.answer(ModelRead, put(_model(model), body, project=project))

    def models(self, *, project: str | None = None) -> list[ModelRead]:
        """The project's models by name."""
        return self.api.every(ModelRead, get("/v1/models", project=project))

    def model(self, model: str, *, project: str | None = None) -> ModelRead:
        """One model."""
        return self.api.answer(ModelRead, get(_model(model), project=project))

    def add_version(
        self, model: str, version: ModelVersionWrite, *, project: str | None = None
    ) -> ModelVersionRead:
        """Register a release unit; its graphs are inspected, which takes a second or two."""
        call = post(f"{_model(model)}/versions", version, project=project, timeout=300)
        return self.api.answer(ModelVersionRead, call)

    def versions(self, model: str, *, project: str | None = None) -> list[ModelVersionRead]:
        """All versions of a model, oldest first."""
        return self.api.every(ModelVersionRead, get(f"{_model(model)}/versions", project=project))

    def version(self, model: str, number: int, *, project: str | None = None) -> ModelVersionRead:
        """One version of a model."""
        path = f"{_model(model)}/versions/{number}"
        return self.api.answer(ModelVersionRead, get(path, project=project))

    def aliases(self, model: str, *, project: str | None = None) -> dict[str, int | None]:
        """Version by alias."""
        answered = self.api.answer(list[AliasRead], get(f"{_model(model)}/aliases", project=project))
        return {alias.name: alias.version for alias in answered}

    def alias(
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
        return (self.api.answer(AliasRead, call)).version

    def move_alias(
        self, model: str, alias: str, move: AliasWrite, *, project: str | None = None
    ) -> AliasRead:
        """Compare-and-set. Raises: ApiError 409 if the alias is not where `move.expected` says."""
        call = put(f"{_model(model)}/aliases/{part(alias)}", move, project=project)
        return self.api.answer(AliasRead, call)

    def alias_history(self, model: str, alias: str, *, project: str | None = None) -> list[AliasMoveRead]:
        """Every move of an alias, oldest first."""
        call = get(f"{_model(model)}/aliases/{part(alias)}/history", project=project)
        return self.api.answer(list[AliasMoveRead], call)

    def lineage(self, model: str, version: int, *, project: str | None = None) -> LineageRead:
        """Which data made a model: its run, dataset versions and raw sources, and the decisions about it."""
        call = get("/v1/lineage", project=project, model=model, version=version)
        return self.api.answer(LineageRead, call)

    def apply_retention(self, older_than_seconds: int, dry_run: bool = True) -> RetentionRead:
        """Remove old artifacts that nothing mentions; in a dry run only say which."""
        body = RetentionWrite(older_than_seconds=older_than_seconds, dry_run=dry_run)
        return self.api.answer(RetentionRead, post("/v1/retention:apply", body))

    def adoptable(self, model: str, version: int, *, project: str | None = None) -> AdoptableRead:
        """The ONNX file of a version that MLflow's client registered. Raises: ApiError 422 for any other model."""
        call = get("/v1/adoptable", project=project, model=model, version=version)
        return self.api.answer(AdoptableRead, call)


def _dataset(dataset: str) -> str:
    return f"/v1/datasets/{part(dataset)}"


def _model(model: str) -> str:
    return f"/v1/models/{part(model)}"
