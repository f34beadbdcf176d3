"""Settings of the monitoring service, beside those that all services share."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from millrace_contracts import access
from millrace_contracts.notices import ADDRESS, NamedChannel
from millrace_core.settings import Settings

LONGER = 4.0
"""How many times as long records are collected where many come."""
WRITE_SECONDS = 1.0
"""What is left of a gateway's patience, at least, to write what was collected."""


class MonitoringSettings(Settings):
    """Environment of monitoring (MILLRACE_…)."""

    service: str = "monitoring"
    otlp_host: str = "127.0.0.1"
    """Address of the receiver of the gateway's access log (OTLP over gRPC); a token is always needed."""
    otlp_port: int = 4317
    """Its port; 0 takes a free one."""
    flush_seconds: float = Field(default=0.05, ge=0, le=(access.EXPORT_SECONDS - WRITE_SECONDS) / LONGER)
    """How long records are collected before one segment is written; up to LONGER times as long where many come."""
    queue_bytes: int = Field(default=64 * 2**20, ge=1)
    """Bytes of records that may wait to be written; what comes on top is dropped and counted."""
    inside: bool = False
    """Whether it lives in the process of a replay, where nobody is told of anything."""
    closing_seconds: float = 1.0
    """Seconds between two looks for days to close, when nothing wakes the pass sooner."""
    estimate_seconds: float = 15.0
    """Seconds between two looks for days whose performance is to be estimated before labels come."""
    retention_seconds: float = 3600.0
    """Seconds between two passes that delete what no policy keeps."""
    explain_seconds: float = Field(default=2.0, gt=0, le=60)
    """Seconds that the explanation of a request may wait for its turn, and then take as many; serving cuts it at 5."""
    webhook_hosts: list[str] = Field(default=[])
    """Hosts (`name`, `name:port`, or `*.name` for all below it) to which messages may be posted; none by default."""
    webhook_private: bool = False
    """Whether a webhook host may resolve to a private or loopback address."""
    webhook_seconds: float = 2.0
    """Seconds between two looks at what is to be told, and at messages not yet delivered."""
    notify_channels: list[NamedChannel] = Field(default=[])
    """Channels of the installation, which tell of the loops of every project, as a loop's `notify.channels`."""
    notify_secrets: Path | None = None
    """Folder with the Secrets of channels, one folder each (notify.PROJECT.NAME); none: env and file are read."""
    notify_recipients: list[str] = Field(default=[])
    """Domains to which e-mail may go, like example.org; none named: all."""
    console_url: str = ""
    """Where people find the console, for links in messages; none: messages name a command."""
    smtp_host: str = ""
    """Mail server that sends the e-mail; empty: there is none."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    """Its port: 587 for STARTTLS, 465 for TLS."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected; none sends no password."""
    smtp_user: str = ""
    """User name for it; empty: it asks for none."""
    smtp_password: SecretStr = SecretStr("")
    """Password for it."""
    smtp_ca_file: Path | None = None
    """Authorities that may have signed the mail server's certificate; none: the usual ones."""
    smtp_from: str = Field(default="millrace@localhost", pattern=ADDRESS)
    """Address from which e-mail comes."""

    @model_validator(mode="after")
    def _kept_secret(self) -> "MonitoringSettings":
        if self.smtp_security == "none" and self.smtp_user:
            raise ValueError(
                "MILLRACE_SMTP_USER would be sent unprotected: set MILLRACE_SMTP_SECURITY to starttls"
            )
        return self
