"""Settings of the registry: how long bytes are kept that nothing mentions."""

from pathlib import Path

from pydantic import Field

from millrace_contracts.people import LONGEST_TOKEN_DAYS
from millrace_core.settings import Settings


class RegistrySettings(Settings):
    """Environment of the registry service."""

    service: str = "registry"
    artifact_retention_days: float = 30
    """Age in days below which an artifact that nothing mentions is kept."""
    retention_seconds: float = 21_600
    """Seconds between two passes of retention."""
    audit_key_file: Path | None = None
    """Ed25519 key (PEM) that signs heads of the audit; left out: one made under home/run; `none`: nothing is signed."""
    audit_exports: list[str] = Field(default=[])
    """Where signed heads go: file:///path, s3://bucket/prefix, https://…; empty: a file under home/audit."""
    audit_seconds: float = 300
    """Seconds between two looks at whether a chain has moved, and so between two signed heads at most."""

    personal_token_days: int = Field(default=90, ge=0, le=LONGEST_TOKEN_DAYS)
    """Days that a token lasts at most that people make for themselves; 0: they make none."""

    @property
    def audit_key(self) -> Path | None:
        """The file of the key; None: nothing is signed."""
        if self.audit_key_file is None:
            return self.home / "run" / "audit-key.pem"
        return None if str(self.audit_key_file) == "none" else self.audit_key_file

    @property
    def audit_places(self) -> list[str]:
        """Every place to which signed heads go."""
        return self.audit_exports or [f"file://{self.home / 'audit' / 'heads.jsonl'}"]
