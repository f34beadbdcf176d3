"""Where this Python's shared library lies: Triton's stub needs it, and only its loader's own folders are searched."""

import sys
import sysconfig
from pathlib import Path


def library_folder() -> Path | None:
    """The folder of libpython, as for a Python that was built at home; None if it is not known there."""
    name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
    folder = Path(sysconfig.get_config_var("LIBDIR") or "/nowhere")
    return folder if (folder / name).exists() else None


def library_path(before: str | None) -> dict[str, str]:
    """LD_LIBRARY_PATH with that folder behind what stands *before*; empty if there is nothing to add."""
    folder = library_folder()
    return {} if folder is None else {"LD_LIBRARY_PATH": ":".join(filter(None, (before, str(folder))))}
