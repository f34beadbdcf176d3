"""JSON of retention."""

from pydantic import BaseModel, Field

from millrace_registry.bodies import Body


class RetentionWrite(Body):
    dry_run: bool = Field(default=True, description="Only say what would go.")
    older_than_seconds: int = Field(
        ge=3600, le=10**10, description="Age below which nothing goes; an hour at least."
    )


class RetentionRead(BaseModel):
    removed: list[str] = Field(description="Digests, or those that would go in a dry run.")
    bytes: int
    dry_run: bool
