"""Random bearer tokens, made once for each installation; only their SHA-256 stands where they are checked."""

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from millrace.private_files import write as write

ROLES = {
    "user": "admin",
    "registry": "registry",
    "training": "training",
    "serving": "serving",
    "monitoring": "monitoring",
    "controller": "controller",
    "gateway": "gateway",
    "prometheus": "prometheus",
}
"""Who gets a token, and its role."""


def ensure(folder: Path) -> dict[str, str]:
    """The tokens by name, made when they are missing.

    *folder* gets `secrets.json` (the tokens) and `tokens.json` (their SHA-256), both readable by the owner only.
    """
    path = folder / "secrets.json"
    known = _read(path)
    made = {name: known.get(name) or f"mlr_{secrets.token_urlsafe(32)}" for name in ROLES}
    write(path, made)
    entries = [
        {"name": name, "role": role, "sha256": hashlib.sha256(made[name].encode()).hexdigest()}
        for name, role in ROLES.items()
    ]
    write(folder / "tokens.json", {"tokens": entries})
    return made


def people(folder: Path) -> list[dict[str, str]]:
    """Entries that an older version made for people: name, role, sha256, and project where the role holds in one."""
    entries: list[dict[str, str]] = _read(folder / "tokens.json").get("tokens", [])
    return [entry for entry in entries if entry["name"] not in ROLES]


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found
