"""Writes files that another process reads; it imports nothing heavy, as it is also used where a machine is joined."""

import os
from pathlib import Path


def put(path: Path, content: bytes) -> None:
    """Write a file at once and as a whole."""
    staged = path.with_name(f".{path.name}")
    with staged.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
