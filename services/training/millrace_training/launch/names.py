"""Where Millrace's services are, for pods that may look up no name: a question to DNS can carry anything outside."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from millrace_core.errors import Unavailable
from millrace_training.settings import TrainingSettings

ASKED = ("registry", "training", "monitoring")
"""The services that a job speaks to."""


async def known(settings: TrainingSettings) -> dict[str, list[str]]:
    """Host names of those services by address, each looked up here and now.

    Raises: Unavailable if one cannot be.
    """
    hosts = {urlsplit(getattr(settings, f"{service}_url")).hostname for service in ASKED}
    found: dict[str, list[str]] = {}
    for host in sorted(host for host in hosts if host and not _is_address(host)):
        found.setdefault(await _address(host), []).append(host)
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _address(host: str) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"The name {host} cannot be looked up: {error}.") from error
    return str(found[0][4][0])
