"""Artifacts: bytes by their digest; and what retention takes away of them."""

from datetime import datetime

from pydantic import BaseModel, Field

from millrace_contracts.bodies import Body, Read


class ArtifactRead(Read):
    """Facts about stored bytes."""

    digest: str = Field(description="sha256:<64 hexadecimal digits> of the bytes.")
    size: int = Field(description="Bytes.")
    media_type: str
    created_at: datetime = Field(description="When it was last stored.")


class RetentionWrite(Body):
    """What may go."""

    dry_run: bool = Field(default=True, description="Only say what would go.")
    older_than_seconds: int = Field(
        ge=3600, le=10**10, description="Age below which nothing goes; an hour at least."
    )


class RetentionRead(BaseModel):
    """What went, or would go."""

    removed: list[str] = Field(description="Digests, or those that would go in a dry run.")
    bytes: int
    dry_run: bool


class ProjectWrite(Body):
    """A project as asked for."""

    description: str = Field(default="", max_length=2000)


class ProjectRead(Read):
    """A tenant."""

    name: str
    description: str
    created_at: datetime
