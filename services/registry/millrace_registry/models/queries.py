"""SQL of models and their versions."""

import hashlib
import json

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.bodies import Document
from millrace_contracts.models import ModelVersionRead, ModelVersionWrite
from millrace_core.database import utcnow
from millrace_core.errors import BadInput, Conflict, NotFound
from millrace_core.ledger.queries import touch
from millrace_registry.artifacts.queries import require
from millrace_registry.projects.queries import ensure
from millrace_registry.tables import Model, ModelVersion, insert_new

ALWAYS = ("dataset", "dataset_version", "run", "loop", "loop_run")
"""What a stored lineage names, known or not."""


async def get(session: AsyncSession, project: str, name: str, lock: bool = False) -> Model:
    """The model, locked until the transaction ends if asked. Raises NotFound."""
    statement = select(Model).where(Model.project == project, Model.name == name)
    found = (
        await session.scalars(statement.with_for_update(key_share=True) if lock else statement)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no model {name} in the project {project}.")
    return found


async def put(session: AsyncSession, project: str, name: str, description: str) -> Model:
    """The model with this description, made now if it is new."""
    await ensure(session, project)
    row = {"project": project, "name": name, "description": description, "latest": 0, "created_at": utcnow()}
    made = await insert_new(session, Model, **row)
    found = await get(session, project, name)
    if made:
        touch(session, Model, found.id)
    found.description = description
    return found


async def page(session: AsyncSession, project: str, after: str | None, limit: int) -> list[Model]:
    statement = select(Model).where(Model.project == project).order_by(Model.name).limit(limit + 1)
    if after is not None:
        statement = statement.where(Model.name > after)
    return list((await session.scalars(statement)).all())


def told(new: ModelVersionWrite) -> Document:
    """A release unit as it is stored; what came later is there only if it is said, so that its digest stays."""
    body = new.model_dump(mode="json")
    spans = {name: value for name, value in body["lineage"].items() if name in new.lineage.model_fields_set}
    if not new.variants:
        del body["variants"]
    if new.front is None:
        del body["front"]
    return body | {"lineage": dict.fromkeys(ALWAYS) | spans}


def unit_digest(body: Document) -> str:
    """Identity of a release unit: of everything in it but its key, and what a search measured or a job ran in.

    Those are evidence; the ledger covers them with the rest of the row.
    """
    content = {name: value for name, value in body.items() if name not in ("key", "front")}
    if isinstance(content.get("environment"), dict):
        content["environment"] = {name: it for name, it in content["environment"].items() if name != "built"}
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def same_key(session: AsyncSession, model: Model, new: ModelVersionWrite) -> ModelVersion | None:
    """The version made with the same key, if any. Raises Conflict if it is another release unit."""
    same = select(ModelVersion).where(ModelVersion.model_id == model.id, ModelVersion.key == new.key)
    earlier = (await session.scalars(same)).one_or_none()
    if earlier is not None and not _same_unit(earlier, new):
        raise Conflict(
            f"The key {new.key} already made version {earlier.number} of {model.name}, with other content."
        )
    return earlier


def _same_unit(earlier: ModelVersion, new: ModelVersionWrite) -> bool:
    """Whether the stored release unit is the *new* one, also if an earlier version wrote its instants otherwise."""
    digest = unit_digest(told(new))
    if earlier.digest == digest:
        return True
    try:
        return unit_digest(told(ModelVersionWrite.model_validate(earlier.body))) == digest
    except ValidationError:
        return False


async def add_version(
    session: AsyncSession, project: str, name: str, new: ModelVersionWrite
) -> tuple[Model, ModelVersion, bool]:
    """Register a release unit under the next number; the same key again is the version it made.

    Returns: the model, the version, and whether it is new. Raises: NotFound, Conflict, BadInput.
    """
    model = await get(session, project, name, lock=True)
    same = await same_key(session, model, new)
    if same is not None:
        return model, same, False
    await check_references(session, project, new)
    model.latest += 1
    body = told(new)
    made = ModelVersion(
        model_id=model.id, number=model.latest, key=new.key, digest=unit_digest(body), body=body,
        created_at=utcnow(),
    )  # fmt: skip
    session.add(made)
    await session.flush()
    return model, made, True


async def check_references(session: AsyncSession, project: str, new: ModelVersionWrite) -> None:
    """Refuse files that are not stored, and a baseline that is not among the files (BadInput)."""
    await require(session, project, new.files.by_name().values())
    if new.baseline is not None and new.baseline not in new.files.by_name().values():
        raise BadInput("The baseline is not among the files.")


async def versions(session: AsyncSession, model: Model, after: int, limit: int) -> list[ModelVersion]:
    statement = (
        select(ModelVersion)
        .where(ModelVersion.model_id == model.id, ModelVersion.number > after)
        .order_by(ModelVersion.number)
        .limit(limit + 1)
    )
    return list((await session.scalars(statement)).all())


async def version(session: AsyncSession, model: Model, number: int) -> ModelVersion:
    """One version. Raises NotFound."""
    row = await session.get(ModelVersion, (model.id, number)) if 0 < number < 2**31 else None
    if row is None:
        raise NotFound(f"{model.name} has no version {number}.")
    return row


def read(model: Model, row: ModelVersion) -> ModelVersionRead:
    """A version as JSON shows it."""
    facts = {"model": model.name, "number": row.number, "digest": row.digest, "created_at": row.created_at}
    return ModelVersionRead.model_validate(row.body | facts)
