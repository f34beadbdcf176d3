"""Reads a channel's secrets where they are kept, each time anew: one that was renewed is used at once."""

import os
from pathlib import Path

from millrace_contracts.notices import NoticeSecret, Scope
from millrace_monitoring.settings import MonitoringSettings

MOST_BYTES = 64 * 1024


class Missing(ValueError):
    """A secret is not where it is said to be; the text says how that is mended, and nothing of the secret."""


def read(secret: NoticeSecret, project: str, scope: Scope, settings: MonitoringSettings) -> str:
    """The secret, without white space around it. Raises: Missing."""
    if secret.secret_ref is not None:
        return _of_cluster(secret, project, scope, settings)
    if settings.notify_secrets is not None and scope != "installation":
        raise Missing(f"{secret.told()} is of a machine; in a cluster, name a Secret with secretRef")
    found = os.environ.get(secret.env, "") if secret.env else _file(Path(secret.file or ""))
    if not found:
        raise Missing(f"there is nothing in {secret.told()}, as the monitoring service sees it")
    return found


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
        with path.open("rb") as opened:
            return opened.read(MOST_BYTES).decode().strip()
    except (OSError, ValueError):
        return ""
