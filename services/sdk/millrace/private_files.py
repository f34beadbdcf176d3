"""Files that only their owner reads, written whole or not at all."""

import json
import os
from pathlib import Path


def write(path: Path, content: object) -> None:
    """Write JSON whole or not at all, for the owner only (0600)."""
    staged = path.with_suffix(".new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    os.replace(staged, path)
