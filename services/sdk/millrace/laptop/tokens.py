"""Random bearer tokens, made once for each installation; only their SHA-256 stands where they are checked."""

import hashlib
import json
import os
import secrets
from pathlib import Path

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
    try:
        known = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        known = {}
    made = {name: known.get(name) or f"mlr_{secrets.token_urlsafe(32)}" for name in ROLES}
    write(path, made)
    entries = [
        {"name": name, "role": role, "sha256": hashlib.sha256(made[name].encode()).hexdigest()}
        for name, role in ROLES.items()
    ]
    write(folder / "tokens.json", {"tokens": entries})
    return made


def write(path: Path, content: object) -> None:
    """Write JSON whole or not at all, for the owner only (0600)."""
    staged = path.with_suffix(".new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    os.replace(staged, path)
