"""Settings of the monitoring service, beside those that all services share."""

from pydantic import Field

from millrace_contracts import access
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
    closing_seconds: float = 1.0
    """Seconds between two looks for days to close, when nothing wakes the pass sooner."""
    retention_seconds: float = 3600.0
    """Seconds between two passes that delete what no policy keeps."""
    webhook_hosts: list[str] = Field(default=[])
    """Hosts (`name` or `name:port`) to which alarms may be posted; none by default."""
    webhook_private: bool = False
    """Whether a webhook host may resolve to a private or loopback address."""
    webhook_seconds: float = 2.0
    """Seconds between two looks at messages not yet delivered."""
