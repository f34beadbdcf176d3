"""Pure: names and labels of a revision's objects, valid whatever the endpoint is called."""

import hashlib
import re

from millrace_core import pods
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.repository import Wanted

LONGEST = 50
"""Longest name of a Deployment, so that the names of its pods stay within 63 characters."""
DNS_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
MANAGER = "millrace-serving"
TRITON_PORT, GRPC_PORT, METRICS_PORT = 8000, 8001, 8002


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def object_name(project: str, endpoint: str, number: int) -> str:
    """`<endpoint>-r<number>`; with the project before and a mark inside where that alone could mean another."""
    tail = f"-r{number}"
    if project == "default" and DNS_LABEL.match(endpoint) and len(endpoint + tail) <= LONGEST:
        return endpoint + tail
    text = endpoint if project == "default" else f"{project}-{endpoint}"
    text = text if text[0].isalpha() else f"e-{text}"
    mark = f"-{_mark(f'{project}/{endpoint}')}"
    return text[: LONGEST - len(mark) - len(tail)].rstrip("-") + mark + tail


def parts(revision: str) -> tuple[str, str, int]:
    """Project, endpoint and number of `[<project>.]<endpoint>--r<number>`."""
    wire, _, number = revision.rpartition("--r")
    project, _, endpoint = wire.rpartition(".")
    return project or "default", endpoint, int(number)


def host(revision: str, namespace: str) -> str:
    """The name under which the gateway finds a revision's pods."""
    return f"{object_name(*parts(revision))}.{namespace}.svc"


def shared_name(settings: ServingSettings, project: str) -> str:
    """Name of the Deployment that a project's versions without traffic share; no revision's name ends so."""
    text, tail = f"{settings.release}-{project}", "-standby"
    if len(text + tail) <= LONGEST:
        return text + tail
    mark = f"-{_mark(text)}"
    return text[: LONGEST - len(mark) - len(tail)].rstrip("-") + mark + tail


def label(text: str) -> str:
    """*text* as the value of a label: a name may end with a hyphen, a label may not."""
    return text if not text or text[-1].isalnum() else f"{text.rstrip('-')[:54]}.{_mark(text)}"


def account(settings: ServingSettings) -> str:
    return settings.triton_service_account or f"{settings.release}-triton"


def measuring_account(settings: ServingSettings) -> str:
    """The account of pods that measure: they read one model and report one measurement."""
    return f"{settings.release}-measure"


def common(settings: ServingSettings) -> dict[str, str]:
    """Labels of all that serving makes."""
    return pods.labels(settings, "triton", MANAGER)


def identity(settings: ServingSettings, item: Wanted) -> dict[str, str]:
    """Labels that only the objects of this revision have; they never change."""
    return common(settings) | {
        f"{pods.PREFIX}/project": label(item.project),
        f"{pods.PREFIX}/endpoint": label(item.endpoint),
        f"{pods.PREFIX}/revision": str(item.number),
    }


def shared(settings: ServingSettings, project: str) -> dict[str, str]:
    """Labels that only the shared pods of a project have; they never change."""
    return common(settings) | {
        f"{pods.PREFIX}/project": label(project),
        f"{pods.PREFIX}/standby": "shared",
    }


def labels(settings: ServingSettings, item: Wanted) -> dict[str, str]:
    """All labels: also the model version and where it came from."""
    origin = {
        f"{pods.PREFIX}/loop": label(item.loop),
        f"{pods.PREFIX}/run": "" if item.run is None else str(item.run),
        f"{pods.PREFIX}/version": str(item.version),
    }
    return identity(settings, item) | {key: value for key, value in origin.items() if value}
