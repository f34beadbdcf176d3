"""Files that pages load, each under an address with its digest: kept by browsers for ever, and never stale."""

import hashlib
from functools import cache
from pathlib import Path

FILES = Path(__file__).parent / "static" / "files"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}


@cache
def digest(name: str) -> str:
    """The first characters of a file's SHA-256."""
    return hashlib.sha256((FILES / name).read_bytes()).hexdigest()[:16]


def asset(name: str) -> str:
    """The address of a file."""
    return f"/static/{digest(name)}/{name}"


@cache
def known() -> dict[str, bytes]:
    """Every file by its name; a name that is not here is no file."""
    return {path.name: path.read_bytes() for path in FILES.iterdir() if path.suffix in TYPES}
