# Written from millrace/aio/monitoring.py: change that, then `make clients`.
"""Monitoring: monitors, rows, labels, closed days and alarms; one method a route."""

from collections.abc import Sequence
from datetime import date, datetime

from millrace.client.api import Api
from millrace.client.audit import Audited
from millrace.client.notices import Notices
from millrace.client.reviews import Reviews
from millrace.transport.requests import Call, delete, get, part, post, put
from millrace_contracts.alarms import (
    AlarmRead,
    AlarmState,
    SilenceWrite,
    StandingWrite,
)
from millrace_contracts.arms import ArmsRead
from millrace_contracts.audit import AuditedRequest
from millrace_contracts.closings import (
    ClosedDay,
    ClosingFeed,
    ClosingRead,
    ComparisonRead,
    DaysAhead,
    DriftRead,
    LossRead,
)
from millrace_contracts.estimates import Estimates
from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.labels import LabelsRead, LabelsWrite, LabelWrite, together
from millrace_contracts.logged import LoggedRow, LoggedRows, LoggedRowsRead
from millrace_contracts.monitors import MonitorRead, MonitorWrite
from millrace_contracts.overviews import DayPoint, EndpointGlance

STREAM = "application/vnd.apache.arrow.stream"
BATCH = 20_000
"""Labels sent in one request."""
LONG = 300.0
"""Seconds that many rows may take."""


class Monitoring(Notices, Reviews, Audited):
    """Monitors, rows, labels, closed days, alarms, and who is told.

    Every method raises ApiError when monitoring refuses. *project* of a call overrides the client's own.
    """

    def __init__(self, api: Api) -> None:
        self.api = api

    def put_monitor(self, endpoint: str, monitor: MonitorWrite, *, project: str | None = None) -> MonitorRead:
        """Watch an endpoint, or change how; a new champion counts from the next day that closes."""
        return self.api.answer(MonitorRead, put(_path(endpoint), monitor, project=project))

    def monitor(self, endpoint: str, *, project: str | None = None) -> MonitorRead:
        """The monitor, how far it has come, and its counts."""
        return self.api.answer(MonitorRead, get(_path(endpoint), project=project))

    def monitors(self, *, project: str | None = None) -> list[MonitorRead]:
        """The project's monitors by endpoint."""
        return self.api.every(MonitorRead, get("/v1/monitors", project=project))

    def delete_monitor(self, endpoint: str, *, project: str | None = None) -> None:
        """Watch no longer, and forget the rows, days and alarms; the registry keeps the decisions."""
        self.api.send(delete(_path(endpoint), project=project))

    def request(self, endpoint: str, request_id: str, *, project: str | None = None) -> AuditedRequest:
        """Everything that is kept of one request. Raises: ApiError 404 if no row of it is."""
        call = get(f"/v1/monitors/{part(endpoint)}/requests/{part(request_id)}", project=project, timeout=120)
        return self.api.answer(AuditedRequest, call)

    def push_rows(
        self, endpoint: str, rows: Sequence[LoggedRow] | bytes, *, project: str | None = None
    ) -> LoggedRowsRead:
        """Send rows that were predicted elsewhere or are to be scored: objects, or an Arrow IPC stream."""
        path = f"{_path(endpoint)}/predictions"
        if isinstance(rows, bytes):
            kind = {"content-type": STREAM}
            call = Call("POST", path, content=rows, headers=kind, project=project, timeout=LONG)
        else:
            call = post(path, LoggedRows(rows=list(rows)), project=project, timeout=LONG)
        return self.api.answer(LoggedRowsRead, call)

    def push_labels(
        self,
        endpoint: str,
        labels: Sequence[LabelWrite],
        complete_through: datetime | None = None,
        *,
        project: str | None = None,
    ) -> LabelsRead:
        """Send labels, in as many requests as they need; returns what became of them all.

        *complete_through*: every event before it is labelled as far as it ever will be.
        Of labels of one row that are equally late the last of 20,000 holds, and between these the greatest value.
        """
        starts = range(0, max(1, len(labels)), BATCH)
        answers = [
            self._push_labels(
                endpoint,
                labels[begin : begin + BATCH],
                complete_through if begin == starts[-1] else None,
                project,
            )
            for begin in starts
        ]
        return together(answers, starts)

    def _push_labels(
        self, endpoint: str, labels: Sequence[LabelWrite], through: datetime | None, project: str | None
    ) -> LabelsRead:
        body = LabelsWrite(labels=list(labels), complete_through=through)
        return self.api.answer(
            LabelsRead, post(f"{_path(endpoint)}/labels", body, project=project, timeout=120)
        )

    def ahead(self, endpoint: str, through: datetime, *, project: str | None = None) -> list[ClosedDay]:
        """The next days of a replay, judged and not closed, as they are once all before *through* is labelled."""
        call = post(
            f"{_path(endpoint)}/days:ahead", DaysAhead(through=through), project=project, timeout=LONG
        )
        return self.api.answer(list[ClosedDay], call)

    def feed(self, after: int = 0, wait: float = 0) -> ClosingFeed:
        """Closed days of all endpoints behind seq *after*; waits up to *wait* seconds for the first."""
        return self.api.answer(ClosingFeed, get("/v1/closings", after=after, wait=wait))

    def closings(
        self,
        endpoint: str,
        since: date | None = None,
        until: date | None = None,
        *,
        project: str | None = None,
    ) -> list[ClosingRead]:
        """Closed days of one endpoint, in order: from *since* up to before *until*."""
        call = get(f"{_path(endpoint)}/days", project=project, since=since, until=until)
        return self.api.answer(list[ClosingRead], call)

    def course(
        self,
        endpoint: str,
        since: date | None = None,
        until: date | None = None,
        *,
        project: str | None = None,
    ) -> list[DayPoint]:
        """Closed days of one endpoint, in order, of each only the few numbers that a picture shows."""
        call = get(f"{_path(endpoint)}/course", project=project, since=since, until=until)
        return self.api.answer(list[DayPoint], call)

    def glance(
        self, endpoints: Sequence[str], days: int = 28, *, project: str | None = None
    ) -> list[EndpointGlance]:
        """How up to 200 endpoints do, each with its last days; those that nobody watches are left out."""
        call = get("/v1/monitors:glance", project=project, endpoints=",".join(endpoints), days=days)
        return self.api.answer(list[EndpointGlance], call)

    def drift(
        self,
        endpoint: str,
        since: date | None = None,
        until: date | None = None,
        *,
        project: str | None = None,
    ) -> list[DriftRead]:
        """PSI of each feature by closed day, and the windows that were judged."""
        call = get(f"{_path(endpoint)}/drift", project=project, since=since, until=until)
        return self.api.answer(list[DriftRead], call)

    def losses(
        self, endpoint: str, version: int | None = None, *, project: str | None = None
    ) -> list[LossRead]:
        """Daily mean loss of each version that was scored."""
        call = get(f"{_path(endpoint)}/losses", project=project, version=version)
        return self.api.answer(list[LossRead], call)

    def comparisons(
        self, endpoint: str, kind: str | None = None, *, project: str | None = None
    ) -> list[ComparisonRead]:
        """`mirrored` revisions or `archived` versions on the same rows, by day."""
        call = get(f"{_path(endpoint)}/comparisons", project=project, kind=kind)
        return self.api.answer(list[ComparisonRead], call)

    def arms(
        self,
        endpoint: str,
        since: datetime | None = None,
        until: datetime | None = None,
        slow_ms: float | None = None,
        *,
        project: str | None = None,
    ) -> ArmsRead:
        """How each revision did in a span of event time; a request that took longer than *slow_ms* is slow."""
        call = get(f"{_path(endpoint)}/arms", project=project, since=since, until=until, slow_ms=slow_ms)
        return self.api.answer(ArmsRead, call)

    def feedback(
        self,
        endpoint: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        project: str | None = None,
    ) -> bytes:
        """Labelled rows of closed days as Parquet."""
        call = get(f"{_path(endpoint)}/feedback", project=project, since=since, until=until, timeout=LONG)
        return (self.api.send(call)).content

    def estimates(
        self,
        endpoint: str,
        since: date | None = None,
        until: date | None = None,
        window: int = 7,
        *,
        project: str | None = None,
    ) -> Estimates:
        """Performance estimated before labels come, by day and by *window* days, beside what was measured."""
        where = f"{_path(endpoint)}/estimates"
        call = get(where, project=project, since=since, until=until, window=window)
        return self.api.answer(Estimates, call)

    def fairness(
        self,
        endpoint: str,
        since: date | None = None,
        until: date | None = None,
        *,
        project: str | None = None,
    ) -> FairnessWindow:
        """Groups of protected attributes over closed days: from *since* up to before *until*."""
        call = get(f"{_path(endpoint)}/fairness", project=project, since=since, until=until)
        return self.api.answer(FairnessWindow, call)

    def report(self, endpoint: str, *, project: str | None = None) -> str:
        """The report as one HTML page."""
        return (self.api.send(get(f"{_path(endpoint)}/report", project=project, timeout=120))).text

    def alarms(
        self, endpoint: str | None = None, state: AlarmState | None = None, *, project: str | None = None
    ) -> list[AlarmRead]:
        """Alarms, the newest first."""
        return self.api.every(AlarmRead, get("/v1/alarms", project=project, endpoint=endpoint, state=state))

    def alarm(self, id: str, *, project: str | None = None) -> AlarmRead:
        """One alarm with its evidence."""
        return self.api.answer(AlarmRead, get(f"/v1/alarms/{part(id)}", project=project))

    def acknowledge(self, id: str, *, project: str | None = None) -> AlarmRead:
        """Say that you have seen an alarm; repeating it changes nothing."""
        return self.api.answer(AlarmRead, post(f"/v1/alarms/{part(id)}:acknowledge", project=project))

    def silence(self, id: str, until: datetime, reason: str, *, project: str | None = None) -> AlarmRead:
        """Tell people nothing of an alarm before *until* (at most 90 days off); its loop acts all the same."""
        body = SilenceWrite(until=until, reason=reason)
        return self.api.answer(AlarmRead, post(f"/v1/alarms/{part(id)}:silence", body, project=project))

    def unsilence(self, id: str, *, project: str | None = None) -> AlarmRead:
        """Tell people of an alarm again; repeating it changes nothing."""
        return self.api.answer(AlarmRead, post(f"/v1/alarms/{part(id)}:unsilence", project=project))

    def hold_alarms(
        self, endpoint: str, standing: StandingWrite, *, project: str | None = None
    ) -> list[AlarmRead]:
        """Say which alarms of a kind stand that no closed day finds, like data in quarantine; others are over."""
        call = put(f"/v1/alarms/standing/{part(endpoint)}", standing, project=project)
        return self.api.answer(list[AlarmRead], call)


def _path(endpoint: str) -> str:
    return f"/v1/monitors/{part(endpoint)}"
