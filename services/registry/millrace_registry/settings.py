"""Settings of the registry: how long bytes are kept that nothing mentions."""

from millrace_core.settings import Settings


class RegistrySettings(Settings):
    """Environment of the registry service."""

    service: str = "registry"
    artifact_retention_days: float = 30
    """Age in days below which an artifact that nothing mentions is kept."""
    retention_seconds: float = 21_600
    """Seconds between two passes of retention."""
