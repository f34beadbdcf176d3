"""One object store, whichever it is, for rows that come and for answers that go: how it is opened, and its errors."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from millrace_contracts.sources import StoreAccess
from millrace_training.runtime.errors import JobError
from millrace_training.sources import hosts
from millrace_training.sources.retries import Passing
from millrace_training.sources.secrets import Secrets

LASTING = (
    "Unauthenticated",
    "PermissionDenied",
    "NotFound",
    "InvalidPath",
    "UnknownConfigurationKey",
    "NotSupported",
)
"""Errors of a store that another try does not mend."""
FAULTS = (BaseError, OSError)
"""What a store raises: what is not there is Python's own FileNotFoundError."""


def opened(asked: StoreAccess, secrets: Secrets, url: str | None = None) -> Any:
    """The store at its own *url*, or at another place of it. Raises: JobError."""
    hosts.check(asked.options.get("endpoint"))
    options: dict[str, Any] = dict(asked.options)
    for name in asked.secrets_by_option:
        options[name] = secrets.get(f"bucket.secrets.{name}")
    client = {"allow_http": True} if options.get("endpoint", "").startswith("http://") else {}
    there = url or asked.url
    try:
        if there.startswith("file:"):
            return from_url(there)
        return from_url(there, client_options=client, **options)
    except (*FAULTS, ValueError, TypeError) as error:
        told = secrets.problem("The bucket cannot be opened", str(error), "Look at its url and options.")
        raise told from None


def failed(asked: StoreAccess, secrets: Secrets, error: Exception, title: str) -> JobError | Passing:
    """What a store's error means: that another try may mend it, or not."""
    told = secrets.problem(
        title, f"{asked.url}: {_own_words(str(error))}", "Look at its url, options and secrets."
    )
    return told if any(sign in type(error).__name__ for sign in LASTING) else Passing(told)


def listed(store: Any) -> Iterator[Any]:
    """What is in the store, page by page. Raises: one of FAULTS."""
    return iter(store.list())


def content(store: Any, name: str) -> bytes:
    """The bytes of an object. Raises: one of FAULTS."""
    return bytes(obstore.get(store, name).bytes())


def state(store: Any, name: str) -> tuple[datetime, int]:
    """When an object was last changed, and its bytes. Raises: one of FAULTS."""
    about = obstore.head(store, name)
    return about["last_modified"], about["size"]


def put(store: Any, name: str, file: Path) -> None:
    """Write a file as an object: there as a whole, or not at all. Raises: one of FAULTS."""
    obstore.put(store, name, file)


def delete(store: Any, name: str) -> None:
    """Remove an object, if it is there. Raises: one of FAULTS."""
    with suppress(FileNotFoundError):
        obstore.delete(store, name)


def _own_words(text: str) -> str:
    """What the store said, without the request that it answers."""
    said = re.search(r"<Message>(.*?)</Message>", text)
    return said[1] if said else text.partition(" Debug source")[0][:600]
