"""Reads the files of an archive against a framework: each clause with its evidence, or what is missing, in words."""

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from millrace import pages
from millrace.evidence import FRAMEWORKS
from millrace.evidence.clauses import GROUPS, NEEDS, Clause, Framework
from millrace.pages import Html
from millrace_contracts.cards import NO_GROUPS
from millrace_contracts.loop import Spec

FOLDER = "compliance/"
NOT_COVERED = "organisational, not covered"
NOT_DECLARED = "not declared by this loop"
NO_RECORD = "nothing of the kind is recorded"
LIMIT = (
    "A link says that the archive holds something that speaks to the clause. It does not say that the clause is met: "
    "that is for people to judge."
)


class Linked(BaseModel):
    """One clause, and the files that speak to it."""

    model_config = ConfigDict(extra="forbid")

    clause: str
    asks: str
    status: Literal[
        "evidence",
        "organisational, not covered",
        "not declared by this loop",
        "nothing of the kind is recorded",
    ]
    files: list[str] = Field(description="By their place in the archive.")
    shows: str = Field(description="What they show, and what they leave to people; or what is missing.")


class Matrix(BaseModel):
    """A framework's clauses with their evidence in one archive."""

    model_config = ConfigDict(extra="forbid")

    framework: str
    name: str
    note: str
    loop: str
    clauses: list[Linked]


def files(keys: list[str], loop: str, spec: Spec, archive: Mapping[str, bytes]) -> dict[str, bytes]:
    """The matrix of each framework, as JSON and as a page. Raises: KeyError for a framework that there is not."""
    made = {}
    for key in keys:
        told = matrix(FRAMEWORKS[key], loop, spec, archive)
        made[f"{FOLDER}{key}.json"] = json.dumps(told.model_dump(), indent=1, ensure_ascii=False).encode()
        made[f"{FOLDER}{key}.html"] = page(told).encode()
    return made


def matrix(framework: Framework, loop: str, spec: Spec, archive: Mapping[str, bytes]) -> Matrix:
    """Each clause of a *framework* with those files of an *archive* that are not empty."""
    full = {name: data for name, data in archive.items() if data.strip() not in (b"", b"[]", b"{}")}
    clauses = [_linked(clause, spec, full) for clause in framework.clauses]
    return Matrix(
        framework=framework.key, name=framework.name, note=framework.note, loop=loop, clauses=clauses
    )


def _linked(clause: Clause, spec: Spec, archive: Mapping[str, bytes]) -> Linked:
    told = {"clause": clause.id, "asks": clause.asks}
    if not clause.evidence:
        return Linked(**told, status=NOT_COVERED, files=[], shows="")
    if clause.needs:
        words, declared = NEEDS[clause.needs]
        if not declared(spec):
            return Linked(**told, status=NOT_DECLARED, files=[], shows=f"It would need {words}.")
    found = clause.files(archive)
    if clause.needs == GROUPS:
        found = [name for name in found if NO_GROUPS.encode() not in archive[name]]
    if not found:
        return Linked(**told, status=NO_RECORD, files=[], shows=clause.shows)
    return Linked(**told, status="evidence", files=found, shows=clause.shows)


def page(told: Matrix) -> str:
    """The matrix as a page whose links lead into the archive."""
    counts = {status: sum(item.status == status for item in told.clauses) for status in _statuses(told)}
    lines = [
        (
            item.clause,
            item.asks,
            item.status,
            Html("<br>".join(_link(name) for name in item.files)),
            item.shows,
        )
        for item in told.clauses
    ]
    return pages.page(
        f"{told.loop}: {told.framework}",
        pages.quiet(f"{told.name}. {told.note}"),
        pages.quiet(LIMIT),
        pages.cards((count, status) for status, count in counts.items()),
        pages.table(("clause", "what it asks", "status", "evidence", "what that shows"), lines),
        lead=f"{counts.get('evidence', 0)} of {len(told.clauses)} clauses have evidence in this archive.",
    )


def _statuses(told: Matrix) -> list[str]:
    return [*dict.fromkeys(item.status for item in told.clauses)]


def _link(name: str) -> str:
    words = pages.paragraph(name)[3:-4]
    return f'<a href="../{words}">{words}</a>'


def broken(archive: Mapping[str, bytes]) -> list[str]:
    """Links of an archive's matrices that lead nowhere, in words. Raises: ValueError for a matrix that is none."""
    found = []
    for name, data in archive.items():
        if name.startswith(FOLDER) and name.endswith(".json"):
            told = Matrix.model_validate_json(data)
            found += [
                f"{name}: {item.clause} names {file}, which is not there"
                for item in told.clauses
                for file in item.files
                if file not in archive
            ]
    return found
