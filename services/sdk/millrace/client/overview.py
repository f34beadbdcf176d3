# Written from millrace/aio/overview.py: change that, then `make clients`.
"""The controller's overview of many loops in one call."""

from millrace.client.api import Api
from millrace.transport.requests import get
from millrace_contracts.overviews import Health, LoopSort, LoopsOverview


class Overview:
    """Many loops at a glance. Every method raises ApiError when the controller refuses."""

    api: Api

    def overview(
        self,
        search: str = "",
        health: Health | None = None,
        sort: LoopSort = "health",
        down: bool = False,
        page: int = 1,
        size: int = 50,
        *,
        project: str | None = None,
    ) -> LoopsOverview:
        """One page of the project's loops in one line each, and how many there are of each health."""
        call = get(
            "/v1/loops:overview",
            project=project,
            search=search,
            health=health,
            sort=sort,
            down=down,
            page=page,
            size=size,
        )
        return self.api.answer(LoopsOverview, call)
