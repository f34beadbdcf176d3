"""What is looked over besides the ledger: the chain of decisions, and versions from their very bytes."""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from millrace_core.database import AsyncSession
from millrace_core.errors import MillraceError
from millrace_core.ledger.chain import Head
from millrace_core.ledger.checking import Looked
from millrace_registry.audit import queries
from millrace_registry.decisions import queries as decisions
from millrace_registry.decisions.chain import faults
from millrace_registry.models.queries import unit_digest
from millrace_registry.services import Services

LINKS = 10_000
"""Decisions that one part looks over."""


async def chain(services: Services, session: AsyncSession, at: Any) -> Looked:
    """Every link of the chain of decisions."""
    head = Head(*at) if at else Head()
    rows = await decisions.stored(session, head.number if at else None, LINKS)
    after, found = await asyncio.to_thread(faults, rows, head)
    named = [(f"decisions number={number}", words) for number, words in found]
    return Looked(len(rows), named, [after.number, after.hash] if len(rows) == LINKS else None)


async def releases(services: Services, session: AsyncSession, at: Any) -> Looked:
    """Every model version: its digest from what stands there, and its files from their bytes."""
    rows = await queries.releases(session, at)
    found: list[tuple[str, str]] = []
    for model, number, digest, body in rows:
        row = f"model_versions model_id={model}, number={number}"
        if not isinstance(body, dict) or unit_digest(body) != digest:
            found.append((row, "its digest is not that of what stands there"))
        found += [(row, words) for words in await _bytes(services, _files(body))]
    return _looked(rows, found)


async def data(services: Services, session: AsyncSession, at: Any) -> Looked:
    """Every dataset version, likewise."""
    rows = await queries.data(session, at)
    found: list[tuple[str, str]] = []
    for dataset, number, digest, body in rows:
        row = f"dataset_versions dataset_id={dataset}, number={number}"
        if _content(body) != digest:
            found.append((row, "its digest is not that of what stands there"))
        found += [(row, words) for words in await _bytes(services, _files(body))]
    return _looked(rows, found)


def _looked(rows: list[tuple[int, int, str, Any]], found: list[tuple[str, str]]) -> Looked:
    return Looked(len(rows), found, list(rows[-1][:2]) if len(rows) == queries.VERSIONS else None)


def _content(body: Any) -> str | None:
    if not isinstance(body, dict) or not {"files", "schema"} <= body.keys():
        return None
    said = json.dumps({"files": body["files"], "schema": body["schema"]}, sort_keys=True)
    return "sha256:" + hashlib.sha256(said.encode()).hexdigest()


def _files(body: Any) -> list[str]:
    """Digests of the files that a version names, in both ways in which they are written."""
    files = body.get("files") if isinstance(body, dict) else None
    if isinstance(files, dict):
        return [str(digest) for digest in files.values() if digest]
    return [str(file.get("digest")) for file in files or () if isinstance(file, dict)]


async def _bytes(services: Services, digests: Iterable[str]) -> list[str]:
    """What is wrong with stored bytes, each read through and hashed."""
    found = []
    for digest in digests:
        try:
            await services.store.verify(digest)
        except MillraceError as error:
            found.append(str(error))
    return found


STAGES = (("decisions", chain), ("model files", releases), ("data files", data))
