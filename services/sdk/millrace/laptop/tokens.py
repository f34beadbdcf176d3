"""Random bearer tokens, made once for each installation; only their SHA-256 stands where they are checked."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

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
    write(folder / "tokens.json", {"tokens": entries + people(folder)})
    return made


def people(folder: Path) -> list[dict[str, str]]:
    """Entries of the tokens file that are people's: name, role, sha256, and project where the role holds in one."""
    entries: list[dict[str, str]] = _read(folder / "tokens.json").get("tokens", [])
    return [entry for entry in entries if entry["name"] not in ROLES]


def add(folder: Path, name: str, role: str, project: str | None = None) -> str:
    """Make a token for a person, known by its SHA-256 from then on. Raises: ValueError for a name that is taken."""
    entries = _read(folder / "tokens.json").get("tokens", [])
    if name.casefold() in {entry["name"].casefold() for entry in entries} | set(ROLES):
        raise ValueError(f"there is a token of the name {name} already")
    token = f"mlr_{secrets.token_urlsafe(32)}"
    entry = {"name": name, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
    entry |= {} if project is None else {"project": project}
    write(folder / "tokens.json", {"tokens": [*entries, entry]})
    return token


def remove(folder: Path, name: str) -> bool:
    """Let a person in no more; whether they were."""
    entries = _read(folder / "tokens.json").get("tokens", [])
    kept = [entry for entry in entries if entry["name"] != name or name in ROLES]
    write(folder / "tokens.json", {"tokens": kept})
    return len(kept) < len(entries)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def write(path: Path, content: object) -> None:
    """Write JSON whole or not at all, for the owner only (0600)."""
    staged = path.with_suffix(".new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    os.replace(staged, path)
