"""What a kind of source is to be able to do, and where each kind is."""

import importlib
from typing import Protocol, cast

import pyarrow as pa

from millrace_contracts.sources import RowSource
from millrace_training.rows.delivery import Delivery
from millrace_training.runtime.errors import JobError
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past


class Reader(Protocol):
    """A module of this folder. Both raise JobError in words for people, without a secret."""

    def read(self, source: RowSource, before: Past, kit: Kit) -> Delivery | None:
        """The next delivery behind what is in already; None when there is nothing more."""

    def sample(self, source: RowSource, kit: Kit, rows: int) -> pa.Table:
        """The first rows as they are handed out; nothing is kept."""


MODULES = {
    "sql": "millrace_training.sources.sql",
    "bucket": "millrace_training.sources.bucket",
    "http": "millrace_training.sources.http",
}
"""Where each kind is; its libraries are imported with it."""


def reader(source: RowSource) -> Reader:
    """The reader of this kind."""
    if source.polled() is None:
        raise JobError(
            "Nothing to fetch", "source.path is a file beside the document.", "Use 'millrace apply'."
        )
    return cast(Reader, importlib.import_module(MODULES[source.kind()]))
