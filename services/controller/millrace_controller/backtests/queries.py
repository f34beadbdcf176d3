"""SQL of backtests, each with its hidden loop."""

import hashlib
import json
import uuid
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.backtests import BacktestState as State
from millrace_contracts.backtests import BacktestWrite
from millrace_contracts.bodies import Document
from millrace_contracts.loop import ModelLoop
from millrace_controller.backtests.tables import Backtest
from millrace_controller.lookup import queries as lookup
from millrace_controller.loops import queries as loops
from millrace_controller.tables import Loop
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound

PREFIX = "backtest-"
GOING = (State.QUEUED, State.RUNNING)
OPEN = (*GOING, State.CANCELLING)
CANCELS = (State.CANCELLING, State.CANCELLED)


async def get(session: AsyncSession, project: str, id: str) -> Backtest:
    """One backtest. Raises: NotFound."""
    backtest = await session.get(Backtest, id)
    if backtest is None or backtest.project != project:
        raise NotFound(f"There is no backtest {id} in the project {project}.")
    return backtest


async def page(
    session: AsyncSession, project: str, after: str | None, limit: int, of: str | None = None
) -> list[Backtest]:
    """Backtests by id, *of* one loop or of all; one more than *limit*."""
    statement = select(Backtest).where(Backtest.project == project).order_by(Backtest.id).limit(limit + 1)
    if of is not None:
        statement = statement.where(Backtest.request["of"].as_string() == of)
    if after is not None:
        statement = statement.where(Backtest.id > after)
    return list((await session.scalars(statement)).all())


async def begin(session: AsyncSession, project: str, body: BacktestWrite) -> tuple[Backtest, bool]:
    """Queue a backtest and declare its hidden loop; (backtest, whether it is new).

    The same body is the same backtest, unless the one before has failed or was cancelled.
    """
    request = body.model_dump(mode="json", exclude={"loop"}) | {
        "spec": body.loop.document()["spec"],
        "of": body.loop.metadata.name,
    }
    content = json.dumps(request, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:40]
    mine = (Backtest.project == project, Backtest.key.startswith(digest))
    known = list((await session.scalars(select(Backtest).where(*mine))).all())
    over = (State.FAILED, *CANCELS)
    usable = [item for item in known if item.state not in over]
    if usable:
        return usable[0], False
    id = uuid.uuid4().hex[:12]
    hidden = PREFIX + id
    await loops.put(session, _hidden(body.loop, hidden, project), "backtest")
    made = Backtest(
        id=id, project=project, key=f"{digest}:{len(known)}", loop=hidden, request=request, state=State.QUEUED,
        progress={}, attempts=0, created_at=utcnow(),
    )  # fmt: skip
    session.add(made)
    await session.flush()
    return made, True


def _hidden(loop: ModelLoop, name: str, project: str) -> ModelLoop:
    """The same loop under another name, with a dataset of its own."""
    data = loop.spec.data.model_copy(
        update={"dataset": name, "source": None, "feedback": loop.spec.data.feedback}
    )
    spec = loop.spec.model_copy(update={"data": data})
    metadata = loop.metadata.model_copy(update={"name": name, "project": project})
    return loop.model_copy(update={"spec": spec, "metadata": metadata})


async def oldest_open(session: AsyncSession) -> Backtest | None:
    """The backtest whose turn it is: one that is to end waits for none; the others go one at a time."""
    turn = (Backtest.state != State.CANCELLING, Backtest.created_at)
    statement = select(Backtest).where(Backtest.state.in_(OPEN)).order_by(*turn).limit(1)
    return (await session.scalars(statement)).one_or_none()


async def tell(session: AsyncSession, project: str, id: str, **facts: Any) -> None:
    """Keep what the replay says of itself: progress, result. Raises: NotFound; Conflict once it is to end."""
    backtest = await get(session, project, id)
    mine = (Backtest.id == id, Backtest.state.in_(GOING))
    told = await session.execute(update(Backtest).where(*mine).values(**facts))
    if told.rowcount == 0:  # type: ignore[attr-defined]
        words = "is being cancelled" if backtest.state in CANCELS else f"has {backtest.state} already"
        raise Conflict(f"The backtest {id} {words}.")


async def note(session: AsyncSession, id: str, attempts: int, handle: Document | None) -> None:
    """Keep where it runs; None: nowhere at the moment. One that is to be cancelled is still to be cancelled."""
    here, waits = (
        (Backtest.id == id, Backtest.state.in_(OPEN)),
        (Backtest.id == id, Backtest.state == State.QUEUED),
    )
    await session.execute(update(Backtest).where(*here).values(attempts=attempts, handle=handle))
    await session.execute(update(Backtest).where(*waits).values(state=State.RUNNING))


async def cancel(session: AsyncSession, project: str, id: str) -> Backtest:
    """Let a backtest end; one that runs ends with its process. Raises: NotFound; Conflict for one that is over."""
    backtest = await get(session, project, id)
    mine = (Backtest.id == id, Backtest.state.in_(GOING))
    await session.execute(update(Backtest).where(*mine).values(state=State.CANCELLING))
    await session.refresh(backtest)
    if backtest.state not in CANCELS:
        raise Conflict(f"The backtest {id} has {backtest.state} already; there is nothing to cancel.")
    return backtest


async def end(session: AsyncSession, backtest: Backtest, failure: str) -> State:
    """Close a backtest, good if there is no *failure*, and let its loop be taken away."""
    kept = await session.get_one(Backtest, backtest.id, populate_existing=True)
    if not failure and kept.result is None:
        failure = "its process ended well and left no result"
    state = State.FAILED if failure else State.SUCCEEDED
    if kept.state == State.CANCELLING:
        state, failure = State.CANCELLED, "it was cancelled"
    mine = (Backtest.id == backtest.id, Backtest.state.in_(OPEN))
    values = {"state": state, "message": failure, "ended_at": utcnow()}
    await session.execute(update(Backtest).where(*mine).values(**values))
    hidden = (Loop.project == backtest.project, Loop.name == backtest.loop, Loop.state != lookup.DELETED)
    await session.execute(update(Loop).where(*hidden).values(state="deleting"))
    return state
