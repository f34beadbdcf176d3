"""What Kubeflow Pipelines draws of a loop run: pages and a table, fetched and written only where somebody looks.

Both are shown in a browser: pages are self-contained and without scripts, and in the table nothing that data says can
become markup or a link.
"""

import os
from collections.abc import Callable
from html import escape

from millrace.client import ApiError
from millrace_contracts.verdicts import GatesVerdict

NOTHING_SERVED = "Nothing is served yet: drift is watched from the first version on that answers requests."
MARKUP = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_[]|~:"})
"""Signs that make markup; a colon makes a link of a bare address."""


def drawn() -> bool:
    """Whether somebody looks at what steps draw (MILLRACE_DRAW)."""
    return os.environ.get("MILLRACE_DRAW") == "true"


def page(fetch: Callable[[], str]) -> str:
    """A page for people; a step does not fail for want of it."""
    if not drawn():
        return ""
    try:
        return fetch()
    except ApiError as error:
        return f"<p>There is no page: {escape(str(error))}</p>"


def nothing_served() -> str:
    """The drift page of a loop's first run."""
    return f"<!doctype html><meta charset=utf-8><title>Drift</title><p>{NOTHING_SERVED}</p>\n"


def gate_table(verdict: GatesVerdict, origin: str = "") -> str:
    """All gates of a verdict as Markdown; *origin*: a line of Markdown about where it stands in Millrace."""
    rows = [(gate.name, gate.verdict, gate.reason) for gate in verdict.gates]
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    head = [
        f"**{verdict.verdict}**: {_cell(verdict.reason)}",
        "",
        "| gate | verdict | why |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *lines, "", *([origin, ""] if origin else [])])


def _cell(text: str) -> str:
    """Text that stays text, in one line."""
    return escape(" ".join(text.split()), quote=False).translate(MARKUP)


def origin(project: str, loop: str, run: int, decision: str) -> str:
    """Whose a run is, and the command that tells why it was opened and what followed, as Markdown."""
    where = "" if project == "default" else f" --project {project}"
    why = f"`millrace{where} explain {decision}`"
    return f"Run {run} of the loop `{loop}` in the project `{project}` of Millrace: {why}"
