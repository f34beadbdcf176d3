"""Whom clients trust: read once a process, as reading a bundle of authorities takes longer than a service's start."""

import functools
import os
import ssl

import httpx


def trusted() -> ssl.SSLContext:
    """The authorities in SSL_CERT_FILE where it is set, else httpx's own; nothing else of the environment counts.

    A bundle that was changed since is read again.
    """
    file = os.environ.get("SSL_CERT_FILE")
    return _context(file, os.stat(file).st_mtime_ns if file else 0)


@functools.lru_cache(maxsize=4)
def _context(file: str | None, changed: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file) if file else httpx.create_ssl_context(trust_env=False)
