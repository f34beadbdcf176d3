"""Reads a channel's secrets where they are kept, each time anew: one that was renewed is used at once."""

import os
from pathlib import Path

from millrace_contracts.notices import NoticeSecret, Scope
from millrace_monitoring.settings import MonitoringSettings

MOST_BYTES = 64 * 1024
OURS = "MILLRACE_"
"""Begins the platform's own variables, like its mail server's password; loops and projects send none of them."""


class Missing(ValueError):
    """A secret is not where it is said to be; the text says how that is mended, and nothing of the secret."""


def read(secret: NoticeSecret, project: str, scope: Scope, settings: MonitoringSettings) -> str:
    """The secret, without white space around it. Raises: Missing."""
    if secret.secret_ref is not None:
        return _of_cluster(secret, project, scope, settings)
    if settings.notify_secrets is not None and scope != "installation":
        raise Missing(f"{secret.told()} is of a machine; in a cluster, name a Secret with secretRef")
    if scope != "installation" and _is_ours(secret, settings):
        raise Missing(
            f"{secret.told()} belongs to the platform; keep the channel's secret in a variable or a file of its own"
        )
    found = os.environ.get(secret.env, "") if secret.env else _file(Path(secret.file or ""))
    if not found:
        raise Missing(f"there is nothing in {secret.told()}, as the monitoring service sees it")
    return found


def _is_ours(secret: NoticeSecret, settings: MonitoringSettings) -> bool:
    """Whether it is a variable of the platform, or a file beside its owner's token."""
    if secret.env:
        return secret.env.startswith(OURS)
    return Path(secret.file or "").resolve().is_relative_to((settings.home / "run").resolve())


def _of_cluster(secret: NoticeSecret, project: str, scope: Scope, settings: MonitoringSettings) -> str:
    assert secret.secret_ref is not None
    if settings.notify_secrets is None:
        raise Missing(f"{secret.told()} is of a cluster; on this machine, name a secret with env or file")
    whose = f"{project}." if scope != "installation" else ""
    name = f"notify.{whose}{secret.secret_ref.name}"
    found = _file(settings.notify_secrets / name / secret.secret_ref.key)
    if not found:
        raise Missing(
            f"there is no key {secret.secret_ref.key} of a Secret {name}; make it in the namespace of monitoring, and "
            "name it in notify.secrets of the chart's values"
        )
    return found


def _file(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as opened:
            return opened.read(MOST_BYTES).decode().strip()
    except (OSError, ValueError):
        return ""
