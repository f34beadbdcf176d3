"""What every reader of a source has at hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from millrace_contracts.names import DataFormat
from millrace_contracts.tables import Dialect
from millrace_training.runtime.context import Context
from millrace_training.sources.secrets import Secrets


@dataclass
class Kit:
    """What reading needs besides the declaration.

    artifact: the bytes of one, by its digest. dialect: how files are written, if it was said. kept: what a reader
    remembers within one job. notes: what it has to say beside the rows. first: the file whose first rows were shown.
    now: when the job began.
    """

    context: Context
    secrets: Secrets
    artifact: Callable[[str], bytes]
    dialect: Dialect | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    first: tuple[bytes, DataFormat, str] | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)
