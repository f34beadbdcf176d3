"""Where a message may be posted: a host the operator listed, at an address that is not our own network."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

WRAPPING = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "::/96"))
"""Addresses that end in one of IPv4, which a network may lead to (RFC 6052; RFC 4291 §2.5.5.1)."""


class Refused(ValueError):
    """The URL is not one to which messages may be posted."""


@dataclass(frozen=True)
class Target:
    """A checked URL: the address to connect to, and the name that the server is asked for."""

    scheme: str
    host: str
    port: int
    path: str
    address: str = ""


def parse(url: str, hosts: Sequence[str]) -> Target:
    """Read a URL and check its host against the operator's list (Refused)."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise Refused("is no URL") from error
    host = (parts.hostname or "").lower()
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.username
        or parts.password
        or parts.fragment
    ):
        raise Refused("is no plain http or https URL")
    if not url.isascii() or any(ord(sign) <= 32 or sign == "\\" for sign in url):
        raise Refused("has signs that no URL has")
    if not _listed(host, port, hosts):
        raise Refused(f"has the host {host}, which the operator has not allowed (MILLRACE_WEBHOOK_HOSTS)")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def _listed(host: str, port: int, hosts: Sequence[str]) -> bool:
    """Whether the operator allows the host: by its name, with its port, or as one below `*.name`."""
    below = any(item.startswith("*.") and host.endswith(item[1:]) for item in hosts)
    return below or host in hosts or f"{host}:{port}" in hosts


async def resolve(target: Target, private: bool) -> Target:
    """Look the host up and choose one address; every one that it has must be public, unless *private*.

    The connection is made to this very address, so that a name that changes in between gains nothing.
    Raises: Refused; OSError when the name is not known.
    """
    entries = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = sorted({str(entry[4][0]) for entry in entries})
    if not private and not all(public(item.partition("%")[0]) for item in addresses):
        raise Refused("has a host whose address is not public")
    return Target(target.scheme, target.host, target.port, target.path, addresses[0])


def public(address: str) -> bool:
    """Whether an address is one of the open internet; of one that wraps an address of IPv4, that one, too."""
    found = ipaddress.ip_address(address)
    if not found.is_global or found.is_multicast:
        return False
    if not isinstance(found, ipaddress.IPv6Address):
        return True
    wrapped = found.ipv4_mapped or found.sixtofour
    if wrapped is None and any(found in network for network in WRAPPING):
        wrapped = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return wrapped is None or public(str(wrapped))
