"""What clients call a file: a label that is taken apart and looked up, never joined to a folder."""

import re
from dataclasses import dataclass

from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import invalid

LONGEST = 500
RUN = re.compile(r"(?:workspaces/[^/]+/)?[\w-]+/([A-Za-z0-9][\w-]{0,35})/artifacts(?:/(.*))?", re.DOTALL)
MODEL = re.compile(r"(?:workspaces/[^/]+/)?[\w-]+/models/(m-[0-9a-f]{32})/artifacts(?:/(.*))?", re.DOTALL)
LOOP = re.compile(r"loops/([a-z0-9][a-z0-9-]{0,62})/([1-9]\d{0,8})/artifacts(?:/(.*))?", re.DOTALL)
UNSAFE = re.compile(r"[\x00-\x1f\\]")


@dataclass(frozen=True)
class Place:
    """Whose file, and what it is called there (empty: the root); *kind*: run, model or loop (a loop's version)."""

    kind: str
    owner: str
    path: str
    number: int = 0

    @property
    def key(self) -> str:
        """The owner as labels are stored."""
        return f"{self.kind}:{self.owner}"


def parse(text: str) -> Place:
    """The place that a path below the artifacts' root names. Raises: BadInput, NotFound."""
    cut = text.strip("/")
    for kind, pattern in (("loop", LOOP), ("model", MODEL), ("run", RUN)):
        match = pattern.fullmatch(cut)
        if match and kind == "loop":
            return Place(kind, match[1], label(match[3] or ""), int(match[2]))
        if match:
            return Place(kind, match[1], label(match[2] or ""))
    raise NotFound(
        f"No such artifact: '{text[:300]}'. Files belong to runs (<experiment>/<run>/artifacts/…) and logged models "
        "(<experiment>/models/<model>/artifacts/…): take the artifact_uri that the API gives."
    )


def label(text: str) -> str:
    """A path within its owner, fit to be kept. Raises: BadInput for one that a client could be led astray by."""
    cut = text.strip("/")
    parts = cut.split("/") if cut else []
    if len(cut) > LONGEST or UNSAFE.search(cut) or any(part in ("", ".", "..") for part in parts):
        raise invalid(
            f"Invalid path: '{text[:300]}'. Write names joined by single slashes, at most {LONGEST} signs."
        )
    return cut
