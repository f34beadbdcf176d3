"""SQL of searches over registered models and versions: users' own and loops' in one table each, made by UNION."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, String, Subquery, cast, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.mlflow.answers import invalid, pairs, place
from millrace_registry.mlflow.experiments.queries import LOOPS
from millrace_registry.mlflow.filters import Comparison, conditions, orders
from millrace_registry.mlflow.loops import queries as loops
from millrace_registry.mlflow.registered import queries
from millrace_registry.mlflow.registered.queries import millis
from millrace_registry.mlflow.registered.schemas import (
    AliasTold,
    CatalogueSearch,
    RegisteredTold,
    VersionTold,
)
from millrace_registry.mlflow.searching.queries import Column, Space, clauses, is_lite, ordered
from millrace_registry.mlflow.tables import MlflowModel, MlflowVersion
from millrace_registry.mlflow.texts import queries as texts
from millrace_registry.tables import Model, ModelVersion

NOTHING = literal("", String)
PROMPT = "mlflow.prompt.is_prompt"
NO_PROMPT = (("!=", "true"), ("=", "false"))
TIMES = frozenset({"timestamp", "creation_timestamp", "last_updated_timestamp"})


@lru_cache(1)
def _models() -> Subquery:
    own, loop = MlflowModel, Model
    name = (literal(LOOPS, String) + loop.name).label("name")
    return union_all(
        select(
            own.project, own.name, cast(own.id, String).label("owner"), NOTHING.label("loop"), own.created, own.updated
        ),
        select(
            loop.project, name, NOTHING.label("owner"), loop.name.label("loop"),
            loop.created_at.label("created"), loop.created_at.label("updated"),
        ),
    ).subquery("registered")  # fmt: skip


@lru_cache(1)
def _versions() -> Subquery:
    own, loop = MlflowVersion, ModelVersion
    number = cast(loop.number, String)
    owner = (cast(own.model_id, String) + "/" + cast(own.number, String)).label("owner")
    place_ = literal("mlflow-artifacts:/loops/", String) + Model.name + "/" + number + "/artifacts"
    run = func.coalesce(loop.body["lineage"]["run"].as_string(), "")
    return union_all(
        select(
            MlflowModel.project, MlflowModel.name, owner, NOTHING.label("loop"),
            own.number, own.run_id, own.source, own.stage, own.created, own.updated,
        ).join(MlflowModel, MlflowModel.id == own.model_id),
        select(
            Model.project, literal(LOOPS, String) + Model.name, NOTHING, Model.name,
            loop.number, run, place_, literal("None", String), loop.created_at, loop.created_at,
        ).join(Model, Model.id == loop.model_id),
    ).subquery("versions")  # fmt: skip


def _instant(key: str, value: object) -> object:
    """Times are asked for in milliseconds since 1970 and kept as instants."""
    if key not in TIMES or not isinstance(value, float):
        return value
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise invalid(f"{value:.0f} is no time in milliseconds since 1970.") from error


async def models(session: AsyncSession, project: str, asked: CatalogueSearch) -> list[RegisteredTold]:
    """One more than a page of registered models, by name unless asked otherwise."""
    table = _models().c
    times = {
        "timestamp": table.updated,
        "last_updated_timestamp": table.updated,
        "creation_timestamp": table.created,
    }
    space = Space({"name": table.name, **times}, table.owner, TIMES, {"tag": texts.MODEL}, value=_instant)
    found = await _page(session, space, select(*table).where(table.project == project), asked, [table.name])
    return [await registered(session, project, row.name) for row in found]


async def versions(session: AsyncSession, project: str, asked: CatalogueSearch) -> list[VersionTold]:
    """One more than a page of versions, the last changed first unless asked otherwise."""
    table = _versions().c
    times = {"last_updated_timestamp": table.updated, "creation_timestamp": table.created}
    facts = {
        "name": table.name,
        "run_id": table.run_id,
        "source_path": table.source,
        "version_number": table.number,
    }
    numbers = TIMES | {"version_number"}
    space = Space(facts | times, table.owner, numbers, {"tag": texts.VERSION}, value=_instant)
    usual = [table.updated.desc(), table.name, table.number.desc()]
    found = await _page(session, space, select(*table).where(table.project == project), asked, usual)
    shown = [await version(session, project, row.name, row.number) for row in found]
    return [item.model_copy(update={"aliases": None}) for item in shown]


def _no_prompt(asked: Comparison) -> Comparison:
    """Clients ask for what is no prompt by a tag that other models do not have: who has none is meant too."""
    if asked.entity == "tag" and asked.key == PROMPT and (asked.operator, asked.value) in NO_PROMPT:
        return Comparison("tag", PROMPT, "IS NULL", None)
    return asked


async def _page(
    session: AsyncSession,
    space: Space,
    statement: Select[Any],
    asked: CatalogueSearch,
    usual: Sequence[Column],
) -> Sequence[Row[Any]]:
    found = [_no_prompt(condition) for condition in conditions(asked.filter)]
    statement = statement.where(*clauses(space, found, is_lite(session)))
    keys = ordered(space, orders(asked.order_by))
    paged = statement.order_by(*keys, *usual).offset(place(asked.page_token)).limit(asked.max_results + 1)
    return (await session.execute(paged)).all()


async def registered(session: AsyncSession, project: str, name: str) -> RegisteredTold:
    """A registered model, a user's or a loop's. Raises NotFound."""
    loop = queries.loop_of(name)
    if loop is not None:
        return await loops.registered(session, project, loop)
    model = await queries.get(session, project, name)
    points = await queries.aliases(session, model)
    newest = [await told(session, model, row, {}) for row in await queries.newest(session, model, [])]
    return RegisteredTold(
        name=model.name, creation_timestamp=millis(model.created), last_updated_timestamp=millis(model.updated),
        description=model.description, latest_versions=newest or None,
        tags=pairs(await texts.of(session, texts.MODEL, str(model.id))),
        aliases=[AliasTold(alias=alias, version=str(number)) for alias, number in points.items()] or None,
    )  # fmt: skip


async def told(
    session: AsyncSession, model: MlflowModel, row: MlflowVersion, points: dict[str, int]
) -> VersionTold:
    """A user's version as clients read it."""
    tags = await texts.of(session, texts.VERSION, f"{model.id}/{row.number}")
    return VersionTold(
        name=model.name, version=str(row.number), creation_timestamp=millis(row.created),
        last_updated_timestamp=millis(row.updated), user_id=row.user or None, current_stage=row.stage,
        description=row.description or "", source=row.source, run_id=row.run_id, run_link=row.run_link or "",
        tags=pairs(tags), aliases=[alias for alias, number in points.items() if number == row.number] or None,
    )  # fmt: skip


async def version(session: AsyncSession, project: str, name: str, number: int) -> VersionTold:
    """A version, a user's or a loop's. Raises NotFound."""
    loop = queries.loop_of(name)
    if loop is not None:
        return await loops.version(session, project, loop, number)
    model = await queries.get(session, project, name)
    row = await queries.version(session, model, number)
    return await told(session, model, row, await queries.aliases(session, model))


async def by_alias(session: AsyncSession, project: str, name: str, alias: str) -> VersionTold:
    """The version at which an alias points, of a user's or a loop's model. Raises: NotFound, BadInput."""
    loop = queries.loop_of(name)
    if loop is not None:
        return await loops.by_alias(session, project, loop, alias)
    model = await queries.get(session, project, name)
    number = (await queries.aliases(session, model)).get(alias)
    if number is None:
        raise invalid(f"Registered model alias {alias} not found.")
    return await version(session, project, name, number)
