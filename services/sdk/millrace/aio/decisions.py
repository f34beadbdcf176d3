"""The registry's decisions: appended, read, verified; one method a route."""

from collections.abc import Mapping, Sequence

from millrace.aio.api import AsyncApi
from millrace.transport.requests import Call, get, part, post
from millrace_contracts.bodies import Page
from millrace_contracts.decisions import (
    ChainVerification,
    Decision,
    DecisionDetail,
    DecisionDigest,
    DecisionFeed,
    DecisionRead,
)
from millrace_contracts.overviews import DecisionGlance


class AsyncDecisions:
    """The chain of decisions. Every method raises ApiError when the registry refuses."""

    api: AsyncApi

    async def record(self, decision: Decision, *, project: str | None = None) -> DecisionRead:
        """Append a decision to the chain; the same one again answers with the one that is there."""
        return await self.api.answer(DecisionRead, post("/v1/decisions", decision, project=project))

    async def record_as_written(
        self, written: Mapping[str, object], after_cause: bool = False, *, project: str | None = None
    ) -> None:
        """Append a decision that was written down as JSON, perhaps by another version of Millrace, as it stands.

        Raises: ApiError 424 while its cause is not in the chain, if it is to come *after_cause*; 409 or 422 for one
        that never will be taken.
        """
        params = {"after_cause": True} if after_cause else {}
        await self.api.send(Call("POST", "/v1/decisions", json=written, params=params, project=project))

    async def decisions(
        self,
        loop: str | None = None,
        kind: str | None = None,
        run: int | None = None,
        newest: int | None = None,
        *,
        project: str | None = None,
    ) -> list[DecisionRead]:
        """Decisions as they were recorded, of a loop, kind or run or of all; *newest*: so many, the newest first."""
        call = get("/v1/decisions", project=project, loop=loop, kind=kind, run=run, order=newest and "newest")
        return await self.api.every(DecisionRead, call, newest)

    async def decision_feed(self, after: int | None = None, limit: int = 200) -> DecisionFeed:
        """Decisions of all projects behind number *after*, in order; None: none of them, and where to go on."""
        return await self.api.answer(DecisionFeed, get("/v1/decisions:feed", after=after, limit=limit))

    async def decisions_page(
        self,
        loop: str | None = None,
        kind: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
        *,
        project: str | None = None,
    ) -> Page[DecisionRead]:
        """One page of decisions, the newest first; `next` of the page before as *cursor* goes on."""
        call = get(
            "/v1/decisions", project=project, loop=loop, kind=kind, order="newest", cursor=cursor, limit=limit
        )
        return await self.api.answer(Page[DecisionRead], call)

    async def latest_decisions(
        self, loops: Sequence[str], *, project: str | None = None
    ) -> list[DecisionGlance]:
        """The newest decision of each of up to 200 loops; a loop without one is left out."""
        call = get("/v1/decisions:latest", project=project, loops=",".join(loops))
        return await self.api.answer(list[DecisionGlance], call)

    async def decision(self, decision: str, *, project: str | None = None) -> DecisionDetail:
        """One decision with what followed from it."""
        return await self.api.answer(DecisionDetail, get(f"/v1/decisions/{part(decision)}", project=project))

    async def verify_decisions(self, earlier: ChainVerification | None = None) -> ChainVerification:
        """Recompute the chain; with an *earlier* answer, also whether its end was cut off since."""
        count, head = (None, None) if earlier is None else (earlier.count, earlier.head)
        call = get("/v1/decisions:verify", timeout=300, count=count, head=head)
        return await self.api.answer(ChainVerification, call)

    async def decision_digest(self, loop: str | None = None, *, project: str | None = None) -> DecisionDigest:
        """One digest of everything that a replay of the same data with the same seed reproduces."""
        return await self.api.answer(DecisionDigest, get("/v1/decisions:digest", project=project, loop=loop))
