"""JSON of files."""

from pydantic import Field

from millrace_registry.mlflow.answers import Sent, Told


class FilesOfRun(Sent):
    """Which folder of which run."""

    run_id: str = Field(default="", max_length=256)
    run_uuid: str = Field(default="", max_length=256)
    path: str = Field(default="", max_length=1000)


class FileTold(Told):
    """A file or a folder."""

    path: str
    is_dir: bool
    file_size: int | None = None


class FilesFound(Told):
    """What lies in a folder."""

    root_uri: str | None = None
    files: list[FileTold] | None = None
