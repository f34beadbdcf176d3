"""Reads a channel's secrets where they are kept, each time anew: one that was renewed is used at once."""

import os
from pathlib import Path

from millrace_contracts.notices import NoticeSecret, Scope
from millrace_core import secret_files
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
    if scope != "installation":
        _check_place(secret, settings)
    found = os.environ.get(secret.env, "") if secret.env else _file(Path(secret.file or ""))
    if not found:
        raise Missing(f"there is nothing in {secret.told()}, as the monitoring service sees it")
    return found


def _check_place(secret: NoticeSecret, settings: MonitoringSettings) -> None:
    """Raises: Missing for a variable of the platform, and for a file that its owner did not put where secrets lie."""
    if secret.env:
        if secret.env.startswith(OURS):
            raise Missing(
                f"{secret.told()} belongs to the platform; keep the channel's secret in one of its own"
            )
    elif not secret_files.lies_within(Path(secret.file or ""), settings.secret_places):
        raise Missing(
            f"{secret.told()} does not lie where secrets do. {secret_files.mend(settings.secret_places)}"
        )


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
