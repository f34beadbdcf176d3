"""Where a platform answers: named in the environment, logged in to, or the one that runs on this machine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from millrace.transport import local_session, login
from millrace.transport.errors import NotRunning
from millrace.transport.kube import Kube
from millrace.transport.tokens import TokenFile, shown_token

SERVICES = ("registry", "training", "serving", "monitoring", "controller")


@dataclass(frozen=True)
class Address:
    """Base URLs by service, the bearer token that opens them, and the project of every call."""

    urls: Mapping[str, str]
    token: str | TokenFile
    project: str = "default"

    def of(self, service: str) -> str:
        """The service's base URL. Raises: NotRunning if it is not known."""
        url = self.urls.get(service)
        if not url:
            raise NotRunning(f"the URL of {service} is not known; set MILLRACE_{service.upper()}_URL")
        return url


def is_named() -> bool:
    """Whether the environment or a login names a platform; else the one on this machine is meant."""
    session = local_session.known()
    return any(named().values()) or login.path().exists() or bool(session and session.urls)


def named() -> dict[str, str]:
    """The base URLs that the environment names, by service; empty ones for the others."""
    return {name: os.environ.get(f"MILLRACE_{name.upper()}_URL", "") for name in SERVICES}


def from_environment(project: str | None = None) -> Address:
    """From MILLRACE_<SERVICE>_URL and MILLRACE_TOKEN(_FILE), else where `millrace login` led, else from this machine.

    On this machine MILLRACE_TOKEN says as whom, or `millrace login --user` did; else it is the machine's own user.

    Raises: NotRunning when none is there; KubeError if a cluster was logged in to that cannot be asked.
    """
    chosen, urls = project or os.environ.get("MILLRACE_PROJECT"), named()
    project = chosen or "default"
    if any(urls.values()):
        return Address(urls, shown_token(), project)
    led = login.known()
    if led is not None:
        kube = Kube(led.context, led.file)
        return Address(led.urls(kube), led.token(kube), chosen or led.project)
    session = local_session.known()
    if session is not None and session.urls:
        return Address(session.urls, shown_token() or session.token, project)
    home = Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace")
    try:
        record = json.loads((home / "run" / "platform.json").read_text())
    except FileNotFoundError:
        record = {}
    if not alive(record.get("pid")):
        raise NotRunning(f"no platform is running in {home}; start it with 'millrace up'")
    own = record["token"] if session is None else session.token
    return Address(record["urls"], shown_token() or own, project)


def alive(pid: int | None) -> bool:
    """Whether a process with this id runs; a supervisor that was killed leaves its record behind."""
    try:
        return pid is not None and " Z " not in Path("/proc", str(pid), "stat").read_text()
    except FileNotFoundError:
        return False
