"""Strict stand-ins for the four other services: the routes that the controller and its pipelines use, nothing more.

They hold everything in memory, refuse unknown fields, keep their promises (idempotent by key, compare-and-set), and
can be told to fail at the n-th call, before or after its effect.
"""

import asyncio
import hashlib
import json
from datetime import timedelta

from fastapi import FastAPI, HTTPException, Query, Request, Response

from millrace_contracts.datasets import DatasetWrite
from millrace_contracts.jobs import JobNew
from millrace_contracts.models import AliasWrite, ModelVersionWrite, ModelWrite
from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.room import RoomWrite

from . import fake_serving, fake_telling
from .strict import digest, exactly, instant

SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "y",
}
GOLDEN = {"inputs": {"x": [1.0]}, "outputs": {"prediction": [1.0]}}
RIDGE = {"id": "ridge", "family": "ridge", "params": {}}
FILES = ("model.onnx", "holdout.onnx", "baseline.json")


class Crash(Exception):
    """The process died here."""


class World:
    """All four services."""

    def __init__(self):
        self.calls, self.crash_at, self.crash_after = [], None, False
        self.datasets, self.models, self.aliases, self.alias_moves = {}, {}, {}, []
        self.decisions, self.versions_by_key = {}, {}
        self.chain, self.untold = {}, []
        self.endpoints, self.jobs, self.monitors, self.closings = {}, {}, {}, []
        self.faulty_versions, self.unloaded, self.broken_kinds = set(), set(), set()
        self.rows, self.labels, self.artifacts, self.pending = {}, {}, {}, {}
        self.fits, self.at_work = 9, []
        self.losses = lambda number, run: (10.0, 10.0)
        self.archived = lambda version: 12.0
        self.started = lambda endpoint, body: None
        self.metrics, self.quarantine, self.adoptable = {}, {}, {}
        self.app = FastAPI()
        for install in (_registry, fake_serving.install, _training, _monitoring, fake_telling.install):
            install(self.app, self)

    async def __call__(self, scope, receive, send):
        """ASGI, with the planned crash before or after the call's effect.

        How far the ledger is goes beside the loops, whenever it likes: it is no call of theirs.
        """
        if scope["type"] != "http" or scope["path"].startswith("/v1/audit/"):
            return await self.app(scope, receive, send)
        here = len(self.calls)
        self.calls.append(f"{scope['method']} {scope['path']}")
        if self.crash_at == here and not self.crash_after:
            self.crash_at = None
            raise Crash(self.calls[-1])
        await self.app(scope, receive, send)
        if self.crash_at == here:
            self.crash_at = None
            raise Crash(self.calls[-1])

    def add_data(self, dataset, rows, kind="file", last_event="2024-01-31T23:00:00Z"):
        versions = self.datasets.setdefault(dataset, [])
        before = versions[-1]["rows"] if versions else 0
        versions.append(
            {
                "number": len(versions) + 1,
                "rows": before + rows,
                "source": {"kind": kind, "name": "n", "digest": digest(len(versions))},
                "dataset": dataset,
                "parent": len(versions) or None,
                "digest": digest((dataset, before, rows)),
                "files": [],
                "schema": [],
                "profile": {},
                "contract": None,
                "created_at": NOW,
                "first_event": "2024-01-01T00:00:00Z",
                "last_event": last_event,
            }
        )

    def close(self, endpoint, through, project="default", **found):
        """Monitoring closes a day that ends at *through*."""
        day = (instant(through) - timedelta(days=1)).date().isoformat()
        item = (
            {"alarms": [], "standing": [], "switch_back": None, "rows": 100, "labelled": 100}
            | CLOSING
            | found
        )
        item |= {
            "project": project,
            "endpoint": endpoint,
            "day": day,
            "from": f"{day}T00:00:00Z",
            "through": through,
        }
        self.closings.append(item | {"seq": len(self.closings) + 1})

    def tell(self):
        """Serving delivers what it can of its outbox; whether it could."""
        if not self.untold or self.untold[0]["cause"] not in self.chain:
            return False
        told = self.untold.pop(0)
        self.chain.setdefault(told["id"], told["kind"])
        return True

    def of_kind(self, *kinds):
        return [item for item in self.decisions.values() if item["kind"] in kinds]


NOW = "2024-02-01T00:00:00Z"
CLOSING = {
    "champion": None, "loss": None, "served": None, "versions": {}, "unscored": {}, "performance": {}, "pairs": {},
    "drift": {}, "quality": {},
}  # fmt: skip
JOB = {
    "spec": {}, "limits": {}, "progress": None, "waiting": None, "result": None, "error": None, "attempts": 1,
    "peak_rss_bytes": 0, "created_at": NOW, "started_at": NOW, "ended_at": None, "kind": "train", "key": "k",
    "loop_run": None, "loop": None, "state": "running",
}  # fmt: skip
COUNTS = dict.fromkeys(
    ("logged", "mirrored", "requests", "labelled", "offered", "written", "dropped", "duplicates", "faults", "late",
     "late_labels"), 0,
)  # fmt: skip


def named(name, latest):
    """A dataset or a model."""
    return {"name": name, "description": "", "latest": latest, "created_at": NOW}


def _registry(app, world):
    @app.get("/v1/adoptable")
    async def adoptable(model: str, version: int):
        status, body = world.adoptable.get((model, version), (404, {"detail": "There is no such version."}))
        return Response(
            json.dumps(body),
            status,
            media_type="application/json" if status == 200 else "application/problem+json",
        )

    @app.get("/v1/datasets/{name}")
    def dataset(name: str):
        if name not in world.datasets:
            raise HTTPException(404)
        return named(name, len(world.datasets[name]))

    @app.put("/v1/datasets/{name}")
    async def put_dataset(name: str, request: Request):
        exactly(await request.json(), DatasetWrite)
        world.datasets.setdefault(name, [])
        return named(name, len(world.datasets[name]))

    @app.get("/v1/datasets/{name}/versions/{number}")
    def version(name: str, number: str):
        versions = world.datasets.get(name) or []
        place = len(versions) if number == "latest" else int(number)
        if not 1 <= place <= len(versions):
            raise HTTPException(404)
        return versions[place - 1]

    @app.get("/v1/datasets/{name}/versions")
    def versions(name: str):
        return {"items": world.datasets.get(name) or [], "next": None}

    @app.get("/v1/datasets/{name}/quarantine")
    def quarantine(name: str):
        if name not in world.datasets:
            raise HTTPException(404)
        return {"items": world.quarantine.get(name, []), "next": None}

    @app.get("/v1/quarantine")
    def standing():
        items = [
            {"project": "default", "dataset": name, "waiting": len(found), "newest": found[-1]["id"],
             "latest": len(world.datasets.get(name) or [])}
            for name, found in world.quarantine.items() if found
        ]  # fmt: skip
        return {"items": items, "next": None}

    @app.put("/v1/models/{name}")
    async def put_model(name: str, request: Request):
        exactly(await request.json(), ModelWrite)
        world.models.setdefault(name, [])
        return named(name, len(world.models[name]))

    @app.post("/v1/models/{name}/versions", status_code=201)
    async def add_version(name: str, request: Request):
        body = await request.json()
        exactly(body, ModelVersionWrite)
        if body["key"] not in world.versions_by_key:
            made = {"baseline": None, "environment": {}} | body
            made |= {"model": name, "number": len(world.models[name]) + 1, "digest": digest(body["key"])}
            made["created_at"] = NOW
            world.models[name].append(made)
            world.versions_by_key[body["key"]] = made
        return world.versions_by_key[body["key"]]

    @app.get("/v1/models/{name}/versions/{number}")
    def get_version(name: str, number: int):
        if not 1 <= number <= len(world.models.get(name, [])):
            raise HTTPException(404)
        return world.models[name][number - 1]

    @app.put("/v1/models/{name}/aliases/{alias}")
    async def move(name: str, alias: str, request: Request):
        body = await request.json()
        exactly(body, AliasWrite)
        if name not in world.models:
            raise HTTPException(404)
        now = world.aliases.get((name, alias))
        if now != body["version"]:
            if now != body["expected"]:
                raise HTTPException(409, f"{alias} points at {now}, not {body['expected']}")
            world.aliases[name, alias] = body["version"]
            world.alias_moves.append((name, alias, body["version"]))
        return {"name": alias, "version": body["version"], "updated_at": NOW}

    @app.head("/v1/artifacts/{name}")
    @app.get("/v1/artifacts/{name}")
    def artifact(name: str):
        if name not in world.artifacts:
            raise HTTPException(404)
        return Response(world.artifacts[name], media_type="application/octet-stream")

    @app.get("/v1/artifacts/{name}/facts")
    def facts(name: str):
        size, kind = len(artifact(name).body), "application/octet-stream"
        return {"digest": name, "size": size, "media_type": kind, "created_at": NOW}

    @app.post("/v1/decisions", status_code=201)
    async def decide(request: Request, after_cause: bool = False):
        body = await request.json()
        if after_cause and body["cause"] is not None and body["cause"] not in world.chain:
            raise HTTPException(424, "its cause is not there yet")
        world.chain.setdefault(body["id"], body["kind"])
        known = world.decisions.setdefault(body["id"], body)
        if {k: v for k, v in known.items() if k != "measured"} != {
            k: v for k, v in body.items() if k != "measured"
        }:
            raise HTTPException(409, "another decision has this id")
        return body


def _training(app, world):
    @app.post("/v1/jobs", status_code=201)
    async def submit(request: Request):
        body = await request.json()
        exactly(body, JobNew)
        return JOB | world.jobs[run_job(world, **body)]

    @app.post("/v1/room")
    async def room(request: Request):
        body = await request.json()
        exactly(body, RoomWrite)
        told = {
            "kind": "cpu",
            "needs": "one place",
            "fits": world.fits,
            "lacks": "" if world.fits else "no place",
        }
        return {"sizes": [told for _ in body["sizes"]], "at_work": world.at_work}

    @app.get("/v1/jobs")
    def jobs(loop: str, state: str, limit: int):
        found = [item for item in world.jobs.values() if item["state"] == state and item.get("loop") == loop]
        return {"items": [JOB | item for item in found[:limit]], "next": None}

    @app.post("/v1/jobs/{name}:cancel")
    def cancel(name: str):
        world.jobs[name]["state"] = "cancelled"
        return JOB | world.jobs[name]

    @app.get("/v1/jobs/{name}")
    def job(name: str):
        if name not in world.jobs:
            raise HTTPException(404)
        return JOB | world.jobs[name]


TOLD = ("pull", "gather", "score")
"""Kinds of job of which a test says how they end."""


def run_job(world, key, kind, spec, loop=None, loop_run=None, limits=None):
    """Do a job at once; the same key is the same job. Returns its id."""
    name = hashlib.md5(key.encode()).hexdigest()
    if name not in world.jobs:
        broken, told = kind in world.broken_kinds, kind in TOLD
        world.jobs[name] = {
            "id": name, "key": key, "kind": kind, "loop": loop, "loop_run": loop_run, "progress": None, "spec": spec,
            "state": "failed" if broken else "succeeded",
            "result": None if broken or told else RESULTS[kind](world, spec, loop, loop_run),
            "error": {"title": "Out of memory", "status": 500, "detail": "it was stopped"} if broken else None,
        }  # fmt: skip
        if told:
            world.jobs[name] |= {"state": "running", "result": None, "spec": spec}
    return name


def _ingested(world, spec, loop, run):
    json.dumps(spec)
    world.add_data(spec["dataset"], 50, kind=spec["source"]["kind"])
    number = len(world.datasets[spec["dataset"]])
    return {
        "accepted": True,
        "dataset_version": number,
        "new_rows": 50,
        "report": {"checks": []},
        "reason": "good",
    }


def _signature(task):
    return SIGNATURE if task == "regression" else SIGNATURE | {"task": task, "classes": ["a", "b", "c"]}


def _trained(world, spec, loop, run):
    assert "adopt" in spec or (spec["search"] == "full") == (spec["configurations"] is None)
    made = RIDGE if spec.get("adopt") is None else {"id": "prices/3", "family": "adopted", "params": {}}
    return {
        "run": "r1", "files": {name: digest((loop, run, name)) for name in FILES},
        "signature": _signature(spec["task"]),
        "metrics": {"holdout": {"rmse": 3.0}}, "baseline": digest((loop, run, "baseline.json")), "golden": GOLDEN,
        "configurations": [made], "configuration": made, "window": "all", "rows": 1000, "parity": None, "layers": 0,
        "trained_from": None, "trained_through": spec["cut"], "holdout_from": None, "holdout_through": None,
    }  # fmt: skip


def _evaluated(world, spec, loop, run):
    candidate, champion = world.losses(spec["dataset"], run)
    known = spec["champion"] is not None
    days = [f"2024-01-{day:02d}" for day in range(1, 29)]
    blocks = [
        {
            "block": day,
            "n": 100,
            "candidate": candidate + 0.01 * (place % 3),
            "champion": champion if known else None,
        }
        for place, day in enumerate(days)
    ]
    numbers = {"rmse": candidate**0.5, "r2": 0.5} | world.metrics
    metrics = {"candidate": numbers, "champion": {"rmse": 3.2} if known else None}
    archived = []
    for item in spec.get("archived", []):
        theirs = [block | {"archived": world.archived(item["version"])} for block in blocks]
        archived.append({"version": item["version"], "blocks": theirs})
    return {"metrics": metrics, "blocks": blocks, "slices": [], "archived": archived}


RESULTS = {
    "ingest": _ingested,
    "pull": lambda world, spec, loop, run: None,
    "validate": lambda world, spec, loop, run: {
        "accepted": True,
        "report": {"checks": []},
        "reason": "good",
        "failed": [],
    },
    "train": _trained,
    "evaluate": _evaluated,
}


def _monitoring(app, world):
    @app.put("/v1/monitors/{name}")
    async def put(name: str, request: Request):
        body = await request.json()
        exactly(body, MonitorWrite)
        world.monitors[name] = body
        known = {"event_time_max": None, "watermark": None, "closed_through": None}
        return known | {"endpoint": name, "spec": body, "counts": COUNTS, "revisions": []}

    @app.delete("/v1/monitors/{name}", status_code=204)
    def delete(name: str):
        if world.monitors.pop(name, None) is None:
            raise HTTPException(404)
        return Response(status_code=204)

    @app.get("/v1/closings")
    async def closings(after: int = Query(0, ge=0), wait: float = Query(0, ge=0, le=60)):
        if wait and not any(item["seq"] > after for item in world.closings):
            await asyncio.sleep(0.1)
        items = [item for item in world.closings if item["seq"] > after][:200]
        return {"items": items, "last": items[-1]["seq"] if items else after}
