"""Monitoring, for users, jobs and pipeline steps: one method a route."""

from typing import Any

from millrace.client.transport import Api, pages, part
from millrace_contracts.labels import LabelsRead, together

Json = dict[str, Any]
STREAM = "application/vnd.apache.arrow.stream"
BATCH = 20_000
"""Labels sent in one request."""


class Monitoring:
    """Monitors, rows, labels, closed days, alarms and webhooks. Every method raises ApiError."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def put_monitor(self, endpoint: str, body: Json) -> Json:
        """Watch an endpoint, or change how; a new champion counts from the next day that closes."""
        return self.api.put(f"/v1/monitors/{part(endpoint)}", json=body)

    def monitor(self, endpoint: str) -> Json:
        """The monitor, how far it has come, and its counts."""
        return self.api.get(f"/v1/monitors/{part(endpoint)}")

    def monitors(self) -> list[Json]:
        return list(pages(self.api, "/v1/monitors"))

    def delete_monitor(self, endpoint: str) -> None:
        self.api.delete(f"/v1/monitors/{part(endpoint)}")

    def push_rows(self, endpoint: str, rows: list[Json] | bytes) -> Json:
        """Send rows: dictionaries, or an Arrow IPC stream."""
        path = f"/v1/monitors/{part(endpoint)}/predictions"
        if isinstance(rows, bytes):
            return self.api.post(path, content=rows, headers={"content-type": STREAM}, timeout=300)
        return self.api.post(path, json={"rows": rows}, timeout=300)

    def push_labels(self, endpoint: str, labels: list[Json], complete_through: str | None = None) -> Json:
        """Send labels; with *complete_through*, say that every event before it is labelled as far as it ever will be.

        Returns: `new`, `corrected`, `unchanged`, `refused` with the first `refusals`, and `labelled`.
        """
        path = f"/v1/monitors/{part(endpoint)}/labels"
        starts = range(0, max(1, len(labels)), BATCH)
        answers = []
        for begin in starts:
            last = complete_through if begin == starts[-1] else None
            body = {"labels": labels[begin : begin + BATCH], "complete_through": last}
            answers.append(LabelsRead.model_validate(self.api.post(path, json=body, timeout=120)))
        return together(answers, starts).model_dump()

    def feed(self, after: int = 0, wait: float = 0) -> Json:
        """Closed days of all endpoints behind seq *after*; waits up to *wait* seconds for the first."""
        return self.api.get("/v1/closings", after=after, wait=wait)

    def closings(self, endpoint: str, since: str | None = None, until: str | None = None) -> list[Json]:
        """Closed days of one endpoint, in order."""
        return self.api.get(f"/v1/monitors/{part(endpoint)}/days", since=since, until=until)

    def drift(self, endpoint: str, since: str | None = None, until: str | None = None) -> list[Json]:
        """`day`, `days` of the running window, `feature` and `psi`, for each closed day and feature."""
        days = self.api.get(f"/v1/monitors/{part(endpoint)}/drift", since=since, until=until)
        return [
            {"day": day["day"], "days": day["days"], "feature": feature, "psi": psi}
            for day in days
            for feature, psi in day["psi"].items()
        ]

    def drift_windows(self, endpoint: str) -> list[Json]:
        """The windows that were judged, with each feature's null."""
        days = self.api.get(f"/v1/monitors/{part(endpoint)}/drift")
        return [{"day": day["day"]} | day["window"] for day in days if day["window"]]

    def losses(self, endpoint: str, version: int | None = None) -> list[Json]:
        """Daily mean loss of each version that was scored."""
        return self.api.get(f"/v1/monitors/{part(endpoint)}/losses", version=version)

    def comparisons(self, endpoint: str, kind: str | None = None) -> list[Json]:
        """`mirrored` revisions or `archived` versions on the same rows, by day."""
        return self.api.get(f"/v1/monitors/{part(endpoint)}/comparisons", kind=kind)

    def arms(self, endpoint: str, since: str | None = None, until: str | None = None) -> Json:
        """How each revision did in a span of event time."""
        return self.api.get(f"/v1/monitors/{part(endpoint)}/arms", since=since, until=until)

    def feedback(self, endpoint: str, since: str | None = None, until: str | None = None) -> bytes:
        """Labelled rows of closed days as Parquet."""
        return self.api.get(f"/v1/monitors/{part(endpoint)}/feedback", since=since, until=until, timeout=600)

    def report(self, endpoint: str) -> str:
        """The report as one HTML page."""
        page: bytes = self.api.get(f"/v1/monitors/{part(endpoint)}/report", timeout=120)
        return page.decode()

    def alarms(self, endpoint: str | None = None, state: str | None = None) -> list[Json]:
        """Alarms, the newest first."""
        return list(pages(self.api, "/v1/alarms", endpoint=endpoint, state=state))

    def alarm(self, id: str) -> Json:
        return self.api.get(f"/v1/alarms/{part(id)}")

    def acknowledge(self, id: str) -> Json:
        """Say that you have seen it."""
        return self.api.post(f"/v1/alarms/{part(id)}:acknowledge")

    def put_webhook(self, name: str, url: str, events: list[str]) -> Json:
        """Post *events* to *url*; its host must be on the operator's list."""
        return self.api.put(f"/v1/webhooks/{part(name)}", json={"url": url, "events": events})

    def webhooks(self) -> list[Json]:
        return self.api.get("/v1/webhooks")

    def delete_webhook(self, name: str) -> None:
        self.api.delete(f"/v1/webhooks/{part(name)}")
