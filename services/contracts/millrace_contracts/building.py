"""What made a version besides data and configuration: the program, its libraries, the machine and the seed."""

from pydantic import BaseModel, ConfigDict, Field


class BuiltWith(BaseModel):
    """Recorded by the job that trained, and kept with the version; it is no part of the version's own digest."""

    model_config = ConfigDict(extra="allow")

    millrace: str = Field(description="Version of Millrace.")
    commit: str | None = Field(description="Commit of its source; null: an image that was not told one.")
    lock: str | None = Field(
        description="SHA-256 of the lock its libraries were installed from; null: not there."
    )
    python: str
    libraries: dict[str, str] = Field(description="Versions of the libraries that decide what comes out.")
    installed: str = Field(description="SHA-256 over name and version of everything that is installed.")
    system: str = Field(description="Operating system and C library.")
    processor: str
    cpus: int = Field(description="CPUs that the job might use.")
    seed: int | None
    document: str | None = Field(
        default=None, description="SHA-256 of the loop's spec, as the run was opened."
    )
    code: str | None = Field(default=None, description="SHA-256 of the packed code, if it is a user's own.")
