"""A loop's document as `kubectl apply` and Git take it: whole in one file, and without files of this machine."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from millrace.documents import BadDocument, Mistake, load, load_contract
from millrace_contracts.bodies import Document

HEADER = "# Made by 'millrace export -f {name}'; change that, and export it again.\n"


@dataclass(frozen=True)
class Exported:
    """The document as YAML, and what a person has to bring to the loop by hand."""

    name: str
    text: str
    rows: str | None
    """The file of rows that the document named beside it."""


def export(path: Path) -> Exported:
    """The loop of *path*, with the contract in it and its project as the namespace.

    Raises: BadDocument, also for what lies on this machine and cannot travel.
    """
    loop = load(path)
    raw: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec, metadata = raw["spec"], raw["metadata"]
    if isinstance(spec["data"].get("contract"), str):
        contract = load_contract(path.parent / spec["data"]["contract"])
        spec["data"]["contract"] = contract.model_dump(mode="json", exclude_unset=True)
    _check_travels(path, raw)
    rows = loop.spec.data.source.path if loop.spec.data.source is not None else None
    if rows is not None:
        del spec["data"]["source"]
    if (project := metadata.pop("project", None)) not in (None, "default"):
        metadata["namespace"] = project
    text = yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=110)
    return Exported(loop.metadata.name, HEADER.format(name=path.name) + text, rows)


def _check_travels(path: Path, raw: Document) -> None:
    """Raises: BadDocument for code and files of this machine."""
    spec, told = raw["spec"], []
    code = (spec.get("training") or {}).get("code") or {}
    if code.get("path"):
        mend = f"upload it with 'millrace code push {code['path']}', and name the digest that it tells"
        told.append(Mistake(str(path), 0, "spec.training.code.path", f"is a folder of this machine; {mend}"))
    batch = (spec.get("predict") or {}).get("batch") or {}
    for part in ("source", "sink"):
        if (batch.get(part) or {}).get("path"):
            where = f"spec.predict.batch.{part}.path"
            told.append(Mistake(str(path), 0, where, "is a file of this machine; name a bucket or a table"))
    if told:
        raise BadDocument(told)
