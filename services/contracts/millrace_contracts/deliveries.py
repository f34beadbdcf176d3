"""Where the rows of a delivery come from: an uploaded file, an endpoint's labelled rows, or the quarantine."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from millrace_contracts.names import DataFormat, Digest, Name
from millrace_contracts.parts import Strictly

FileTitle = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/\\]+$")]


class OfKind(Strictly):
    """One of several that are told apart by `kind`, which therefore travels even where it was left to its default."""

    def model_post_init(self, context: object, /) -> None:
        """Count `kind` among what was set, as clients send nothing else."""
        self.model_fields_set.add("kind")


class ArtifactSource(OfKind):
    """A file that was uploaded to the registry."""

    kind: Literal["artifact"] = "artifact"
    digest: Digest
    name: FileTitle
    format: DataFormat
    origin: Literal["file", "rows"] = Field(default="file", description="What was sent: a file, or rows.")
    delivery: FileTitle | None = Field(
        default=None, description="Names this delivery where the same bytes may come twice, and count twice."
    )


class FeedbackSource(OfKind):
    """Labelled production rows of an endpoint, of closed days, from *since* up to before *until*."""

    kind: Literal["feedback"] = "feedback"
    endpoint: Name
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class QuarantinedSource(OfKind):
    """A delivery that was refused before, and is to be taken after all."""

    kind: Literal["quarantined"] = "quarantined"
    entry: int = Field(ge=1, lt=2**31)
