"""Monitoring's reviews: the queue of predictions that people look at, and what they say; a part of its client."""

from collections.abc import Sequence
from datetime import datetime

from millrace.aio.api import AsyncApi
from millrace.transport.requests import get, part, post
from millrace_contracts.bodies import Page
from millrace_contracts.explanations import ExplainWrite, Explanations
from millrace_contracts.labels import LabelValue
from millrace_contracts.logged import FeatureValue
from millrace_contracts.reviews import (
    ReviewLabel,
    ReviewNext,
    ReviewRead,
    ReviewReason,
    ReviewSkip,
    ReviewState,
    ReviewSummary,
)


class AsyncReviews:
    """Every method raises ApiError when monitoring refuses. *project* of a call overrides the client's own."""

    def __init__(self, api: AsyncApi) -> None:
        self.api = api

    async def reviews(
        self,
        endpoint: str,
        state: ReviewState | None = None,
        reason: ReviewReason | None = None,
        most: int = 100,
        *,
        project: str | None = None,
    ) -> list[ReviewRead]:
        """The newest entries of the queue, at most *most*."""
        call = get(f"{_queue(endpoint)}", project=project, state=state, reason=reason)
        return await self.api.every(ReviewRead, call, most)

    async def reviews_page(
        self, endpoint: str, cursor: str | None = None, limit: int = 20, *, project: str | None = None
    ) -> Page[ReviewRead]:
        """A page of the queue, the newest entry first; *cursor*: `next` of the page before."""
        call = get(f"{_queue(endpoint)}", project=project, limit=limit, cursor=cursor)
        return await self.api.answer(Page[ReviewRead], call)

    async def next_review(self, endpoint: str, *, project: str | None = None) -> ReviewNext:
        """What to look at next."""
        return await self.api.answer(ReviewNext, get(f"{_queue(endpoint)}:next", project=project))

    async def review(self, endpoint: str, number: int, *, project: str | None = None) -> ReviewRead:
        """One entry with what people said of it."""
        return await self.api.answer(ReviewRead, get(f"{_queue(endpoint)}/{number}", project=project))

    async def label_review(
        self,
        endpoint: str,
        number: int,
        value: LabelValue,
        note: str = "",
        at: datetime | None = None,
        *,
        project: str | None = None,
    ) -> ReviewRead:
        """Say what an entry is; *at*: when it became known, now if left out."""
        body = ReviewLabel(value=value, note=note, at=at)
        call = post(f"{_queue(endpoint)}/{number}:label", body, project=project)
        return await self.api.answer(ReviewRead, call)

    async def skip_review(
        self, endpoint: str, number: int, note: str = "", *, project: str | None = None
    ) -> ReviewRead:
        """Say that you cannot tell."""
        call = post(f"{_queue(endpoint)}/{number}:skip", ReviewSkip(note=note), project=project)
        return await self.api.answer(ReviewRead, call)

    async def explain(
        self,
        endpoint: str,
        version: int,
        rows: Sequence[dict[str, FeatureValue]],
        *,
        project: str | None = None,
    ) -> Explanations:
        """What each input contributes to a version's answers to rows, ten at most."""
        body = ExplainWrite(version=version, rows=list(rows))
        call = post(f"/v1/monitors/{part(endpoint)}/explanations", body, project=project)
        return await self.api.answer(Explanations, call)

    async def review_explanation(
        self, endpoint: str, number: int, *, project: str | None = None
    ) -> Explanations:
        """Why an entry was answered as it was."""
        call = get(f"{_queue(endpoint)}/{number}/explanation", project=project)
        return await self.api.answer(Explanations, call)

    async def request_explanation(
        self, endpoint: str, request_id: str, index: int = 0, *, project: str | None = None
    ) -> Explanations:
        """Why a row of a logged request was answered as it was. Raises: ApiError 409 where that cannot be told."""
        path = f"/v1/monitors/{part(endpoint)}/requests/{part(request_id)}/explanation"
        return await self.api.answer(Explanations, get(path, project=project, timeout=120, index=index))

    async def review_summary(self, endpoint: str, *, project: str | None = None) -> ReviewSummary:
        """How the queue stands, what each person did, and how far they agree."""
        return await self.api.answer(ReviewSummary, get(f"{_queue(endpoint)}:summary", project=project))


def _queue(endpoint: str) -> str:
    return f"/v1/monitors/{part(endpoint)}/reviews"
