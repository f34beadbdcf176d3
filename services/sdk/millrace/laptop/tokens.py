"""Random bearer tokens, made once for each installation; only their SHA-256 stands where they are checked."""

import hashlib
import json
import os
import pwd
import re
import secrets
from pathlib import Path
from typing import Any

from millrace.private_files import write as write

OWNER = "user"
"""The token of whoever runs the platform, in `secrets.json`; records name the person."""
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
ROLES = {
    OWNER: "admin",
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
    named, own = (
        owner(folder),
        [{"name": name, "role": role, "sha256": _digest(made[name])} for name, role in ROLES.items()],
    )
    entries = [entry | _renamed(named) if entry["name"] == OWNER else entry for entry in own]
    write(folder / "tokens.json", {"tokens": entries})
    return made


def owner(folder: Path) -> str:
    """Whom records name for what is done with the owner's token: who made it, else the machine's user who asks now.

    `user` where the machine knows no name, or one that a part of Millrace has.
    """
    kept = _read(folder / "secrets.json").get(OWNER)
    entries: list[dict[str, str]] = _read(folder / "tokens.json").get("tokens", [])
    made = next((item["name"] for item in entries if kept and item["sha256"] == _digest(kept)), OWNER)
    return _machine_user() if made == OWNER else made


def _renamed(name: str) -> dict[str, str]:
    """The owner's entry under *name*: records of before the owner had one know them as `user`, and mean the same."""
    return {"name": name} if name == OWNER else {"name": name, "formerly": OWNER}


def _machine_user() -> str:
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return OWNER
    return name if NAME.fullmatch(name) and name not in ROLES else OWNER


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def people(folder: Path) -> list[dict[str, str]]:
    """Entries that an older version made for people: name, role, sha256, and project where the role holds in one."""
    entries: list[dict[str, str]] = _read(folder / "tokens.json").get("tokens", [])
    own = {_digest(token) for token in _read(folder / "secrets.json").values()}
    return [entry for entry in entries if entry["name"] not in ROLES and entry["sha256"] not in own]


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found
