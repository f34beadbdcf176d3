"""Which hosts a source may be at: those that the operator has listed, as jobs reach more than people do."""

import json
import os
from urllib.parse import urlsplit

from millrace_training.runtime.errors import JobError

VARIABLE = "MILLRACE_SOURCE_HOSTS"


def allowed() -> list[str]:
    """Names, or names with a port."""
    listed: list[str] = json.loads(os.environ.get(VARIABLE) or "[]")
    return [host.lower() for host in listed]


def check(url: str | None) -> None:
    """Raises: JobError for an address at a host that is not listed; None stands for the store's own."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        host, port = (
            (parts.hostname or "").lower(),
            parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0),
        )
    except ValueError:
        raise JobError(
            "An address cannot be read", f"{url!r} is no URL.", "Write it like https://host/path."
        ) from None
    if host not in allowed() and f"{host}:{port}" not in allowed():
        mend = f"The operator lists it in {VARIABLE}, like '[\"{host}\"]', and starts the platform again."
        raise JobError("A host is not allowed", f"{host}:{port} is not among the hosts of sources.", mend)
