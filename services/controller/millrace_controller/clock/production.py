"""Who is in production: alias, monitor and loaded revisions follow the champion; every step may be repeated."""

from datetime import datetime
from typing import Any

from fastapi import FastAPI

from millrace import durations
from millrace.client.transport import ApiError, AsyncApi
from millrace.loop import ModelLoop, Spec
from millrace_controller.runs.plan import iso
from millrace_controller.tables import Loop

CHAMPION = "champion"
GONE = (404, 409)
"""Answers that say that a thing is away already, or belongs to somebody else by now."""


def archived(loop: Loop, new: int) -> list[int]:
    """The archive once *new* is champion: the old champion joins it, the oldest leave it."""
    kept = [version for version in loop.archive if version != new]
    if loop.champion is not None and loop.champion != new:
        kept = [version for version in kept if version != loop.champion] + [loop.champion]
    most = int(loop.document["spec"]["monitoring"]["retention"]["archived"])
    return kept[len(kept) - most :] if len(kept) > most else kept


async def install(
    app: FastAPI, loop: Loop, new: int, at: datetime | None, reason: str, decision: str | None
) -> list[int]:
    """Make *new* the champion everywhere; returns the new archive. Serving already routes to it.

    Raises: ApiError 409 if somebody else moved the alias.
    """
    archive = archived(loop, new)
    await _move_alias(app, loop, new, at, reason, decision)
    await watch(app, loop, new, archive, at)
    body = {"versions": archive}
    await app.state.apis.serving.post(f"/v1/endpoints/{loop.name}:retain", json=body, project=loop.project)
    return archive


async def _move_alias(
    app: FastAPI, loop: Loop, new: int, at: datetime | None, reason: str, decision: str | None
) -> None:
    body = {
        "version": new,
        "expected": loop.champion,
        "event_time": iso(at),
        "decision": decision,
        "reason": reason,
    }
    path = f"/v1/models/{loop.name}/aliases/{CHAMPION}"
    await app.state.apis.registry.put(path, json=body, project=loop.project)


async def watch(app: FastAPI, loop: Loop, champion: int, archive: list[int], at: datetime | None) -> None:
    """Tell monitoring who answers and who could come back."""
    document = ModelLoop.model_validate(loop.document)
    spec = document.spec
    mine = await version(app, loop, champion)
    body = {
        "loop": loop.name,
        "mode": loop.mode,
        "task": spec.task,
        "target": spec.target,
        "event_time": spec.data.event_time,
        "timezone": spec.data.timezone,
        "label_delay_seconds": durations.parse(spec.data.label_delay).total_seconds(),
        "signature": mine["signature"],
        "champion": _lineup(mine)
        | {"effective_from": iso(at), "revision": await _revision(app, loop, champion)},
        "archived": [_lineup(await version(app, loop, number)) for number in archive],
        "slices": spec.monitoring.slices,
        "policy": policy(spec),
    }
    await app.state.apis.monitoring.put(f"/v1/monitors/{loop.name}", json=body, project=loop.project)


async def _revision(app: FastAPI, loop: Loop, version: int) -> str | None:
    """Name of the revision that serves a version, like `flights--r3`; None if none is loaded."""
    endpoint = await app.state.apis.serving.get(f"/v1/endpoints/{loop.name}", project=loop.project)
    names = [
        item["name"]
        for item in endpoint["revisions"]
        if item["version"] == version and item["state"] == "ready"
    ]
    return names[-1] if names else None


def _lineup(found: dict[str, Any]) -> dict[str, Any]:
    wanted = ("model.onnx", "holdout.onnx", "baseline.json")
    files = {name: digest for name, digest in found["files"].items() if name in wanted}
    return {
        "version": found["number"],
        "files": files,
        "trained_through": found["lineage"].get("trained_through"),
    }


def policy(spec: Spec) -> dict[str, Any]:
    """Monitoring's policy from the loop's spec."""
    back, watchful = spec.switch_back, spec.monitoring
    return {
        "performance": {"false_alarms_per_year": watchful.performance.false_alarms_per_year},
        "drift": {"psi": watchful.drift.psi, "window_days": durations.whole_days(watchful.drift.window)},
        "switch_back": {
            "margin": back.margin,
            "minimum_days": back.minimum_days,
            "candidates": back.candidates if back.enabled else 0,
        },
        "retention": {"logs_days": durations.whole_days(watchful.retention.logs)},
    }


async def version(app: FastAPI, loop: Loop, number: int) -> dict[str, Any]:
    """A model version as the registry has it; versions never change, so it is asked once."""
    cache: dict[tuple[str, str, int], dict[str, Any]] = app.state.versions
    key = (loop.project, loop.name, number)
    if key not in cache:
        cache[key] = await app.state.apis.registry.get(
            f"/v1/models/{loop.name}/versions/{number}", project=loop.project
        )
    return cache[key]


async def cancel_jobs(app: FastAPI, loop: Loop) -> None:
    """Stop what training still does, or has yet to begin, for a loop; jobs that have ended stay as they are."""
    training = app.state.apis.training
    for state in ("queued", "running"):
        found = await training.get("/v1/jobs", project=loop.project, loop=loop.name, state=state, limit=100)
        for job in found["items"]:
            await training.post(f"/v1/jobs/{job['id']}:cancel", project=loop.project)


async def leave(app: FastAPI, loop: Loop) -> None:
    """Take a loop out of production: endpoint, monitor and alias; its versions stay. Safe to repeat."""
    apis, project = app.state.apis, loop.project
    alias = {
        "version": None,
        "expected": loop.champion,
        "event_time": iso(loop.settled_through),
        "reason": "deleted",
    }
    calls: tuple[tuple[AsyncApi, str, str, dict[str, Any] | None], ...] = (
        (apis.serving, "DELETE", f"/v1/endpoints/{loop.name}", None),
        (apis.monitoring, "DELETE", f"/v1/monitors/{loop.name}", None),
        (apis.registry, "PUT", f"/v1/models/{loop.name}/aliases/{CHAMPION}", alias),
    )
    for api, method, path, body in calls:
        try:
            await api.request(method, path, json=body, project=project)
        except ApiError as error:
            if error.status not in GONE:
                raise


async def prepare(app: FastAPI, loop: Loop) -> None:
    """Make the dataset, the model and the endpoint that a loop needs."""
    registry, serving = app.state.apis.registry, app.state.apis.serving
    dataset, project = loop.document["spec"]["data"]["dataset"], loop.project
    try:
        await registry.get(f"/v1/datasets/{dataset}", project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        await registry.put(
            f"/v1/datasets/{dataset}", json={"description": f"data of {loop.name}"}, project=project
        )
    await registry.put(
        f"/v1/models/{loop.name}", json={"description": f"model of the loop {loop.name}"}, project=project
    )
    body = {
        "model": loop.name,
        "mode": loop.mode,
        "timezone": loop.document["spec"]["data"].get("timezone", "UTC"),
    }
    await serving.put(f"/v1/endpoints/{loop.name}", json=body, project=project)
