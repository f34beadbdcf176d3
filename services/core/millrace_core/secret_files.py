"""Where the secrets of loops and projects may lie as files on one machine: in folders that its owner names.

A document says which file is sent along as a secret, and whoever may write the document is not the machine's owner.
"""

from collections.abc import Sequence
from pathlib import Path

NAMED = "MILLRACE_SECRET_FOLDERS"
"""The setting that names more folders."""


def lies_within(path: Path, folders: Sequence[Path]) -> bool:
    """Whether the file is in one of the folders, wherever links and `..` on the way to it lead."""
    if not path.is_absolute():
        return False
    try:
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, RuntimeError):
        return False


def mend(folders: Sequence[Path]) -> str:
    """How a file that lies elsewhere can be used."""
    return f"Move it into {folders[0]}, or name its folder in {NAMED} before 'millrace up'."
