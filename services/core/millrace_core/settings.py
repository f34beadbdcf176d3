"""Settings that all services share; each comes from the environment as MILLRACE_<NAME>."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from millrace.transport.tokens import TokenFile
from millrace_contracts.bodies import Document
from millrace_core import machine
from millrace_core.shapes import Shape

SERVICES = ("registry", "training", "serving", "monitoring", "controller")
RECEIVER = r"^(https?://[^\s/?#@]+(/[^\s?#]*)?|file:///[^\s?#]+)?$"
"""A receiver of events; no password stands in it."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """Environment of one service; a service subclasses it with its own fields."""

    model_config = SettingsConfigDict(env_prefix="MILLRACE_", extra="ignore")

    service: str = "service"
    """Which service this process is: registry, training, serving, monitoring, controller or console."""
    home: Path = Field(default_factory=lambda: Path.home() / ".millrace")
    """Folder for everything this installation writes."""
    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs a tokens file."""
    port: int = 0
    """Port to listen on."""
    allowed_hosts: list[str] = ["127.0.0.1", "localhost"]
    """Host headers that are answered; a browser tab on another site is not among them."""
    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite under home/<service>/."""
    storage_url: str = ""
    """Where blobs are kept: file:///…, s3://…; empty means home/<service>/blobs."""
    tokens_file: Path | None = None
    """JSON file with the SHA-256 of every token that is let in (see `millrace_core.auth`)."""
    accounts_file: Path | None = None
    """JSON file with people's accounts on this machine (see `millrace_core.accounts`); home/run/accounts.json."""
    token: SecretStr = SecretStr("")
    """The bearer token with which this service calls the others."""
    token_file: Path | None = None
    """File with that token instead, read again when it changes, as Kubernetes renews it."""
    issuers_file: Path | None = None
    """JSON file with the issuers whose tokens are let in too (see `millrace_core.identity`)."""
    metrics_port: int = 0
    """Port on which /metrics is served without a token, for Prometheus; 0: only with one, on `port`."""
    lasting: bool = True
    """Whether what was written is on the disk when it is acknowledged. Without, which is for a replay's own platform
    alone, that is left to the system, and SQLite's statements hold up the event loop (`millrace_core.sqlite_here`)."""
    migrate: Literal["start", "never"] = "start"
    """Bring the database to the newest schema at the start, or wait unready until something else has."""
    registry_url: str = ""
    training_url: str = ""
    serving_url: str = ""
    monitoring_url: str = ""
    controller_url: str = ""
    max_body_bytes: int = 16 * 2**20
    """Largest request body, in bytes, except on routes made for large bodies."""
    max_large_body_bytes: int = 4 * 2**30
    """Largest body on routes made for large bodies (artifacts), in bytes."""
    body_seconds: float = 300
    """Seconds a client may take to send its body."""
    decision_seconds: float = 5.0
    """Seconds between two looks at decisions not yet delivered to the registry; fresh ones are sent at once."""

    secret_folders: list[Path] = Field(default=[])
    """Folders of this machine in whose files loops and projects may keep secrets, besides home/secrets."""

    openlineage_url: str = Field(default="", pattern=RECEIVER)
    """Where OpenLineage events are sent: http(s)://host (a path other than /api/v1/lineage stands behind it), or
    file:///path of a file to which they are added; empty: nowhere."""
    openlineage_key: SecretStr = SecretStr("")
    """API key that is shown to that receiver, if it asks for one."""
    openlineage_namespace: str = "millrace"
    """What stands before the project in the names of jobs and data, so that several installations are told apart."""

    @model_validator(mode="after")
    def _fill(self) -> "Settings":
        folder = self.home / self.service
        if not self.database_url:
            self.database_url = f"sqlite+aiosqlite:///{folder / 'state.db'}"
        if not self.storage_url:
            self.storage_url = f"file://{folder / 'blobs'}"
        if self.tokens_file is None:
            self.tokens_file = self.home / "run" / "tokens.json"
        if self.accounts_file is None:
            self.accounts_file = self.home / "run" / "accounts.json"
        return self

    @property
    def secret_places(self) -> list[Path]:
        """Where the secrets of loops and projects may lie as files."""
        return [self.home / "secrets", *self.secret_folders]

    @property
    def credential(self) -> str | TokenFile:
        """What the clients of other services show."""
        return self.token.get_secret_value() if self.token_file is None else TokenFile(self.token_file)

    @property
    def addresses(self) -> dict[str, str]:
        """Environment that tells a child process or a pod where the other services are; unknown ones are left out."""
        urls = {f"MILLRACE_{name.upper()}_URL": getattr(self, f"{name}_url") for name in SERVICES}
        return {name: url for name, url in urls.items() if url}

    @property
    def folder(self) -> Path:
        """This service's own folder under home; made when missing, closed to other users."""
        folder = self.home / self.service
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder


class WorkloadSettings(Settings):
    """The part of the environment of a service that runs something of its own: as processes, or as pods."""

    platform: Literal["laptop", "kubernetes"] = "laptop"
    """What stands beneath: processes of this service, or pods of a cluster."""
    inside: bool = False
    """Work is done by threads of this process, in which the other services are too: a replay of history."""
    namespace: str = "default"
    """Kubernetes namespace of this pod."""
    workloads_namespace: str = ""
    """Namespace of pods made at run time; empty: this pod's own."""
    release: str = "millrace"
    """Prefix of the installation's objects."""
    instance: str = ""
    """Name of the installation, for labels; empty: its prefix. What belongs to others is left alone."""
    image_pull_secrets: list[str] = Field(default=[])
    """Secrets with which images are pulled: their names, or as Kubernetes writes them, [{"name": …}]."""
    node_selector: dict[str, str] = Field(default={})
    """Labels of the nodes on which pods made at run time may be."""
    tolerations: list[Document] = Field(default=[])
    """Taints that those pods tolerate, as Kubernetes writes them."""
    pod_shapes: dict[str, Shape] = Field(default={})
    """What the installation gives pods made at run time, by their component, like `{"triton": {"labels": {…}}}`."""
    job_threads: int = Field(default_factory=machine.cpus, ge=1)
    """CPUs granted to a job that trains, and so to all its workers where they are processes of one machine."""

    @field_validator("image_pull_secrets", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return [item.get("name") if isinstance(item, dict) else item for item in value]

    @property
    def workloads(self) -> str:
        """The namespace of pods made at run time."""
        return self.workloads_namespace or self.namespace

    def shape(self, component: str) -> Shape:
        """What the installation gives that kind of pod."""
        return self.pod_shapes.get(component, Shape())
