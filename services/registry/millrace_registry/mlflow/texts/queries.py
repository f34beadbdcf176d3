"""SQL of tags and parameters, of whatever they are."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.mlflow.answers import KeyValue
from millrace_registry.mlflow.tables import MlflowText

EXPERIMENT, RUN, PARAM, LOGGED, LOGGED_PARAM, MODEL, VERSION = (
    "experiment", "run", "param", "logged", "logged.param", "model", "version",
)  # fmt: skip


async def of_each(session: AsyncSession, kind: str, owners: Sequence[str]) -> dict[str, dict[str, str]]:
    """Tags or parameters by owner, each by key."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    asked = (MlflowText.kind == kind, MlflowText.owner.in_(owners))
    statement = select(MlflowText).where(*asked).order_by(MlflowText.key)
    for row in (await session.scalars(statement)).all() if owners else ():
        found[row.owner][row.key] = row.value
    return found


async def of(session: AsyncSession, kind: str, owner: str) -> dict[str, str]:
    """Tags or parameters of one owner by key."""
    return (await of_each(session, kind, [owner]))[owner]


async def put(session: AsyncSession, kind: str, owner: str, texts: Iterable[KeyValue]) -> None:
    """Set these, whether they were there or not; of two with the same key the last counts."""
    last = {item.key: item.value for item in texts}
    if not last:
        return
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    rows = [{"kind": kind, "owner": owner, "key": key, "value": value} for key, value in last.items()]
    new = dialect.insert(MlflowText).values(rows)
    same = [MlflowText.kind, MlflowText.owner, MlflowText.key]
    await session.execute(new.on_conflict_do_update(index_elements=same, set_={"value": new.excluded.value}))


async def remove(session: AsyncSession, kind: str, owner: str, key: str | None = None) -> bool:
    """Remove one, or all of an owner; returns whether there was any."""
    mine = [MlflowText.kind == kind, MlflowText.owner == owner]
    if key is not None:
        mine.append(MlflowText.key == key)
    return bool((await session.execute(delete(MlflowText).where(*mine))).rowcount)  # type: ignore[attr-defined]
