"""Serving, for users and pipeline steps: endpoints, rollouts, rollback, predictions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from millrace.client.transport import Api, pages, part

Json = dict[str, Any]


def _time(moment: datetime | str | None) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else moment


class Serving:
    """Endpoints, their rollouts and the gateway. Every method raises ApiError."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def put_endpoint(self, endpoint: str, model: str, mode: str = "live", timezone: str = "UTC") -> Json:
        """Create an endpoint, or change its time zone."""
        body = {"model": model, "mode": mode, "timezone": timezone}
        return self.api.put(_path(endpoint), json=body)

    def endpoints(self) -> list[Json]:
        return list(pages(self.api, "/v1/endpoints"))

    def endpoint(self, endpoint: str) -> Json:
        return self.api.get(_path(endpoint))

    def delete_endpoint(self, endpoint: str) -> None:
        self.api.delete(_path(endpoint))

    def start_rollout(self, endpoint: str, rollout: Json) -> Json:
        """Record a candidate and its plan; the same `key` again returns the same rollout."""
        return self.api.post(f"{_path(endpoint)}/rollouts", json=rollout)

    def rollouts(self, endpoint: str) -> list[Json]:
        """All rollouts, the newest first."""
        return list(pages(self.api, f"{_path(endpoint)}/rollouts"))

    def rollout(self, endpoint: str, number: int, wait: float | None = None) -> Json:
        """One rollout; with *wait*, once its candidate is loaded or refused (at most so many seconds)."""
        return self.api.get(f"{_path(endpoint)}/rollouts/{number}", wait=wait)

    def abort_rollout(self, endpoint: str, number: int, reason: str) -> Json:
        return self.api.post(f"{_path(endpoint)}/rollouts/{number}:abort", json={"reason": reason})

    def advance(self, endpoint: str, event_time: datetime | str) -> Json:
        """Bring the endpoint's rollout to an event time; returns the endpoint."""
        body = {"event_time": _time(event_time)}
        return self.api.post(f"{_path(endpoint)}:advance", json=body, timeout=120)

    def rollback(
        self,
        endpoint: str,
        key: str,
        reason: str,
        version: int | None = None,
        event_time: datetime | str | None = None,
        **more: Any,
    ) -> Json:
        """Send all traffic to a loaded version (the one before, if none is named); *more*: cause, loop, run."""
        body = {"key": key, "reason": reason, "version": version, "event_time": _time(event_time)} | more
        return self.api.post(f"{_path(endpoint)}:rollback", json=body)

    def retain(self, endpoint: str, versions: Sequence[int]) -> Json:
        """Keep these versions loaded, unload the others that do not serve."""
        return self.api.post(f"{_path(endpoint)}:retain", json={"versions": list(versions)})

    def predict(
        self,
        endpoint: str,
        rows: Sequence[Mapping[str, Any]],
        key: str | None = None,
        event_time: datetime | str | None = None,
    ) -> Json:
        """Predict rows given by column; null is a missing value. Returns request_id, revision, predictions."""
        body = {"rows": list(rows), "key": key, "event_time": _time(event_time)}
        return self.api.post(f"{_path(endpoint)}:predict", json=body)

    def gateway(self) -> Json:
        """Where inference requests go, and what the gateway has counted."""
        return self.api.get("/v1/gateway")


def _path(endpoint: str) -> str:
    return f"/v1/endpoints/{part(endpoint)}"
