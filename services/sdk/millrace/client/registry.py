"""The registry, for users, jobs and pipeline steps: one method a route."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from millrace.client.transport import Api, pages, part

Json = dict[str, Any]


CHUNK = 1 << 20


class FileBody:
    """A file as a request's body, read in pieces; a second attempt reads it from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


class Registry:
    """Datasets, runs, models, aliases, decisions and artifacts. Every method raises ApiError."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def put_artifact(self, data: bytes | Path, media_type: str = "application/octet-stream") -> str:
        """Store bytes, or a file of any size; returns the digest."""
        content = data if isinstance(data, bytes) else FileBody(data)
        answer = self.api.post(
            "/v1/artifacts", content=content, headers={"content-type": media_type}, timeout=600
        )
        return answer["digest"]

    def get_artifact(self, digest: str) -> bytes:
        """The bytes of an artifact."""
        return self.api.get(f"/v1/artifacts/{part(digest)}", timeout=600)

    def artifact(self, digest: str) -> Json:
        """Size and type of an artifact, without its bytes."""
        return self.api.get(f"/v1/artifacts/{part(digest)}/facts")

    def put_project(self, project: str, description: str = "") -> Json:
        return self.api.put(f"/v1/projects/{part(project)}", json={"description": description})

    def projects(self) -> list[Json]:
        return list(pages(self.api, "/v1/projects"))

    def put_dataset(self, dataset: str, description: str = "") -> Json:
        return self.api.put(f"/v1/datasets/{part(dataset)}", json={"description": description})

    def datasets(self) -> list[Json]:
        return list(pages(self.api, "/v1/datasets"))

    def dataset(self, dataset: str) -> Json:
        return self.api.get(f"/v1/datasets/{part(dataset)}")

    def add_dataset_version(self, dataset: str, version: Json) -> Json:
        return self.api.post(f"/v1/datasets/{part(dataset)}/versions", json=version)

    def dataset_versions(self, dataset: str) -> list[Json]:
        return list(pages(self.api, f"/v1/datasets/{part(dataset)}/versions"))

    def dataset_version(self, dataset: str, number: int | str = "latest") -> Json:
        return self.api.get(f"/v1/datasets/{part(dataset)}/versions/{part(number)}")

    def quarantine(self, dataset: str, artifact: str, source: Json, report: Json) -> Json:
        body = {"artifact": artifact, "source": source, "report": report}
        return self.api.post(f"/v1/datasets/{part(dataset)}/quarantine", json=body)

    def quarantined(self, dataset: str) -> list[Json]:
        return list(pages(self.api, f"/v1/datasets/{part(dataset)}/quarantine"))

    def create_run(self, run: Json) -> Json:
        return self.api.post("/v1/runs", json=run)

    def update_run(self, run: str, **change: Any) -> Json:
        return self.api.patch(f"/v1/runs/{part(run)}", json=change)

    def run(self, run: str) -> Json:
        return self.api.get(f"/v1/runs/{part(run)}")

    def runs(self, loop: str | None = None) -> list[Json]:
        return list(pages(self.api, "/v1/runs", loop=loop))

    def put_model(self, model: str, description: str = "") -> Json:
        return self.api.put(f"/v1/models/{part(model)}", json={"description": description})

    def models(self) -> list[Json]:
        return list(pages(self.api, "/v1/models"))

    def model(self, model: str) -> Json:
        return self.api.get(f"/v1/models/{part(model)}")

    def add_version(self, model: str, version: Json) -> Json:
        """Register a release unit; its graphs are inspected, which takes a second or two."""
        return self.api.post(f"/v1/models/{part(model)}/versions", json=version, timeout=300)

    def versions(self, model: str) -> list[Json]:
        return list(pages(self.api, f"/v1/models/{part(model)}/versions"))

    def version(self, model: str, number: int) -> Json:
        return self.api.get(f"/v1/models/{part(model)}/versions/{number}")

    def aliases(self, model: str) -> dict[str, int | None]:
        """Version by alias."""
        return {item["name"]: item["version"] for item in self.api.get(f"/v1/models/{part(model)}/aliases")}

    def alias(self, model: str, alias: str, at: str | None = None, known_at: str | None = None) -> int | None:
        """Where an alias points, or pointed at the event time *at*, by what was recorded until *known_at*."""
        path = f"/v1/models/{part(model)}/aliases/{part(alias)}"
        return self.api.get(path, at=at, known_at=known_at)["version"]

    def move_alias(
        self, model: str, alias: str, version: int | None, expected: int | None, **why: Any
    ) -> Json:
        """Compare-and-set; ApiError 409 if the alias is not at *expected*. *why*: event_time, decision, reason."""
        body = {"version": version, "expected": expected, **why}
        return self.api.put(f"/v1/models/{part(model)}/aliases/{part(alias)}", json=body)

    def alias_history(self, model: str, alias: str) -> list[Json]:
        return self.api.get(f"/v1/models/{part(model)}/aliases/{part(alias)}/history")

    def record(self, decision: Json) -> Json:
        return self.api.post("/v1/decisions", json=decision)

    def decisions(
        self, loop: str | None = None, kind: str | None = None, run: int | None = None
    ) -> list[Json]:
        return list(pages(self.api, "/v1/decisions", loop=loop, kind=kind, run=run))

    def decision(self, decision: str) -> Json:
        """One decision with what followed from it."""
        return self.api.get(f"/v1/decisions/{part(decision)}")

    def verify_decisions(self, known: Json | None = None) -> Json:
        """Recompute the chain; with an earlier answer *known*, also whether its end was cut off since."""
        remembered = {name: known[name] for name in ("count", "head")} if known else {}
        return self.api.get("/v1/decisions:verify", timeout=300, **remembered)

    def decision_digest(self, loop: str | None = None) -> Json:
        return self.api.get("/v1/decisions:digest", loop=loop)

    def lineage(self, model: str, version: int) -> Json:
        return self.api.get("/v1/lineage", model=model, version=version)

    def apply_retention(self, older_than_seconds: int, dry_run: bool = True) -> Json:
        body = {"older_than_seconds": older_than_seconds, "dry_run": dry_run}
        return self.api.post("/v1/retention:apply", json=body)
