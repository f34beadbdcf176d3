"""Where Millrace answers otherwise than MLflow's own server, and why; the comparison allows these and no others.

The page docs/reference/mlflow.md tells the same to users; a test holds the two to one another.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WORDS = ("message", "sqlstate", "error_class")
"""Of an error the code and the status are compared; the words are each server's own."""


@dataclass(frozen=True)
class Difference:
    """One place where two answers differ; a status that differs hides the bodies."""

    call: str
    sent: str
    path: str
    real: str
    ours: str


@dataclass(frozen=True)
class Argued:
    """A difference that is meant: *call*, *sent* and *path* are patterns of where, *why* is told to users."""

    call: str
    path: str
    why: str
    sent: str = ""

    def fits(self, found: Difference) -> bool:
        return all(
            re.search(pattern, text)
            for pattern, text in ((self.call, found.call), (self.path, found.path), (self.sent, found.sent))
        )


ARGUED = (
    Argued(
        r"experiments/update", r"^\.error_code$",
        "Renaming to a name that is taken is RESOURCE_ALREADY_EXISTS (MLflow: BAD_REQUEST), with the same status 400.",
    ),
    Argued(
        r"experiments/search", r"^\.experiments$",
        "In a filter '' within a text is one quotation mark; MLflow's parser leaves two and finds nothing.",
        sent="it''s",
    ),
    Argued(
        r"metrics/get-history", r"^status$",
        "The history of a run that is not there is RESOURCE_DOES_NOT_EXIST; MLflow answers with an empty one.",
    ),
    Argued(
        r"runs/log-inputs", r"^status$", "A dataset without a digest is refused; MLflow keeps it with an empty one.",
    ),
    Argued(
        r"runs/update", r"^status$", "A status that does not exist is refused; MLflow passes it over.", sent="NOTHING",
    ),
    Argued(
        r"runs/get", r"^\.run\.(data\.params\[0\]\.value|inputs\.dataset_inputs)$",
        "A parameter is kept whole up to 100,000 signs; MLflow cuts it at 6,000.", sent="runodd",
    ),
    Argued(
        r"runs/search", r"^status$", "A filter that ends in AND is refused; MLflow passes it over.", sent="AND\"",
    ),
    Argued(
        r"experiments/search-datasets", r"^status$",
        "`experiments/search-datasets` is answered; MLflow's server has it for its own pages only.",
    ),
    Argued(
        r"logged-models/search", r"^\.models$",
        "`status = 'READY'` finds models that are ready, as MLflow's documentation has it; its server finds none.",
        sent="READY",
    ),
    Argued(
        r"(registered-models|model-versions)/", r"\.user_id$",
        "A version says who registered it: the name of the token. MLflow has no names without a plug-in.",
    ),
)  # fmt: skip


def differences(real: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[Difference]:
    """Every field in which two sessions differ."""
    assert [item["call"] for item in real] == [item["call"] for item in ours]
    return [
        Difference(one["call"], json.dumps(one["sent"]), *found)
        for one, other in zip(real, ours, strict=True)
        for found in _of_call(one, other)
    ]


def _of_call(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if one["status"] != other["status"]:
        yield "status", f"{one['status']} {one['answer']}"[:300], f"{other['status']} {other['answer']}"[:300]
    else:
        yield from _walk("", one["answer"], other["answer"])


def _walk(path: str, one: Any, other: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted((set(one) | set(other)) - set(WORDS)):
            yield from _walk(f"{path}.{key}", one.get(key, "-"), other.get(key, "-"))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _walk(f"{path}[{number}]", left, right)
    elif one != other:
        yield path, json.dumps(one)[:300], json.dumps(other)[:300]


def unargued(found: list[Difference]) -> list[Difference]:
    """Differences for which no reason is given."""
    return [item for item in found if not any(argued.fits(item) for argued in ARGUED)]


def idle(found: list[Difference]) -> list[Argued]:
    """Reasons for differences that are none any more."""
    return [argued for argued in ARGUED if not any(argued.fits(item) for item in found)]
