"""JSON of registered models."""

from typing import Annotated

from pydantic import Field, StringConstraints

from millrace_registry.mlflow.answers import KeyValue, MostDear, Pair, Sent, Told

NAME = r"^[^/:\x00-\x1f]*[^/:\s][^/:\x00-\x1f]*$"
"""Not empty, and no sign that ends a name in `models:/name/version`."""
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=NAME)]
AliasName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\w\-]+$")]
Version = Annotated[str | int, Field()]
Description = Annotated[str, Field(max_length=100_000)]


class ModelNew(Sent):
    """A registered model as asked for."""

    name: ModelName
    tags: list[KeyValue] = Field(default=[], max_length=1000)
    description: Description | None = None


class ModelAsked(Sent):
    """Which registered model."""

    name: str = Field(min_length=1, max_length=256)


class ModelRenamed(ModelAsked):
    """Another name."""

    new_name: ModelName


class ModelChange(ModelAsked):
    """Another description."""

    description: Description = ""


class ModelTag(ModelAsked):
    """A tag of a registered model."""

    key: Annotated[str, Field(min_length=1, max_length=250)]
    value: str = Field(default="", max_length=100_000)


class ModelTagGone(ModelAsked):
    """Which tag is removed."""

    key: Annotated[str, Field(min_length=1, max_length=250)]


class AliasAsked(ModelAsked):
    """Which alias."""

    alias: AliasName


class VersionAsked(ModelAsked):
    """Which version."""

    version: Version

    @property
    def number(self) -> int:
        """The version's number; 0, which none has, for a text that is no number."""
        told = str(self.version)
        return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else 0


class AliasNew(VersionAsked):
    """Where an alias shall point."""

    alias: AliasName


class VersionTag(VersionAsked):
    """A tag of a version."""

    key: Annotated[str, Field(min_length=1, max_length=250)]
    value: str = Field(default="", max_length=100_000)


class VersionTagGone(VersionAsked):
    """Which tag is removed."""

    key: Annotated[str, Field(min_length=1, max_length=250)]


class VersionNew(Sent):
    """A version as asked for: files of a run or a logged model that lie here."""

    name: str = Field(min_length=1, max_length=256)
    source: str = Field(min_length=1, max_length=1000)
    run_id: str = Field(default="", max_length=36)
    tags: list[KeyValue] = Field(default=[], max_length=1000)
    run_link: str = Field(default="", max_length=500)
    description: Description = ""
    model_id: str = Field(default="", max_length=36)


class VersionChange(VersionAsked):
    """Another description."""

    description: Description = ""


class StageMove(VersionAsked):
    """To which stage."""

    stage: str = Field(min_length=1, max_length=20)
    archive_existing_versions: bool = False


class LatestAsked(ModelAsked):
    """The newest versions of which stages; all of them if none is named."""

    stages: list[str] = Field(default=[], max_length=20)


class CatalogueSearch(Sent):
    """A search for registered models or versions."""

    filter: str = ""
    max_results: MostDear = 100
    order_by: list[str] = Field(default=[], max_length=20)
    page_token: str = Field(default="", max_length=512)


class VersionTold(Told):
    """A version."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str | None = None
    current_stage: str
    description: str
    source: str
    run_id: str
    status: str = "READY"
    tags: list[Pair] | None = None
    run_link: str
    aliases: list[str] | None = None


class AliasTold(Told):
    """Where an alias points."""

    alias: str
    version: str


class RegisteredTold(Told):
    """A registered model."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    latest_versions: list[VersionTold] | None = None
    tags: list[Pair] | None = None
    aliases: list[AliasTold] | None = None


class RegisteredAnswer(Told):
    """One registered model."""

    registered_model: RegisteredTold


class RegisteredFound(Told):
    """A page of registered models."""

    registered_models: list[RegisteredTold] | None = None
    next_page_token: str | None = None


class VersionAnswer(Told):
    """One version."""

    model_version: VersionTold


class VersionsFound(Told):
    """A page of versions."""

    model_versions: list[VersionTold] | None = None
    next_page_token: str | None = None


class DownloadAnswer(Told):
    """Where a version's files are, as clients know it."""

    artifact_uri: str
