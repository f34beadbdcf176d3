"""The real service on SQLite, and a registry that holds the model files."""

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request, Response

from millrace_monitoring.ingest import merging
from millrace_monitoring.main import build
from millrace_monitoring.settings import MonitoringSettings

from .sales import SIGNATURE, START, baseline, digest, graph, labels_of, rows_of
from .telling import clock, desk  # noqa: F401

TOKENS = {"admin-token": "admin", "viewer-token": "viewer", "gateway-token": "gateway"}
ADMIN = {"authorization": "Bearer admin-token"}
HANGS = 300
"""Seconds after which a test gives up, on a machine of any speed."""


class Registry:
    """What monitoring asks of the registry: one project's files by digest, and a place for decisions."""

    def __init__(self):
        self.project = "default"
        self.files, self.decisions, self.asked, self.judged, self.fails = {}, {}, [], {}, False
        self.app = FastAPI()

        @self.app.get("/v1/artifacts/{name}")
        def artifact(name: str, project: str = "default"):
            self.asked.append(name)
            if name not in self.files or project != self.project:
                raise HTTPException(404)
            return Response(self.files[name], media_type="application/octet-stream")

        @self.app.get("/v1/models/{name}/versions/{number}")
        def release(name: str, number: int):
            if number not in self.judged:
                raise HTTPException(404)
            about = {
                "model": name,
                "number": number,
                "key": "k",
                "digest": "d",
                "files": {},
                "task": "regression",
            }
            about |= {"files": {"model.onnx": digest(b"model")}}
            about |= {"signature": SIGNATURE, "target": "sold", "metrics": {}, "baseline": None, "golden": {}}
            return about | {
                "environment": {},
                "lineage": {"loop_run": number},
                "created_at": "2026-01-05T12:00:00Z",
            }

        @self.app.get("/v1/decisions")
        def decisions(
            kind: str = "", run: int = 0, loop: str = "", project: str = "default", limit: int = 100
        ):
            if not kind:
                chain = [self.chained(number, body) for number, body in enumerate(self.decisions.values(), 1)]
                mine = [item for item in chain if (item["loop"], item["project"]) == (loop, project)]
                return {"items": mine[::-1][:limit], "next": None}
            items = []
            if kind == "gate.verdict" and run in self.judged:
                body = {"id": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "loop": loop, "run": run, "kind": kind}
                body |= {
                    "subject": f"run {run}",
                    "outcome": "passed",
                    "event_time": None,
                    "author": "controller",
                }
                items = [self.chained(1, body | {"reason": "better", "evidence": self.judged[run]})]
            return {"items": items, "next": None}

        @self.app.post("/v1/decisions")
        async def decide(request: Request):
            body = await request.json()
            self.record(body)
            return body

        @self.app.get("/v1/decisions:feed")
        def feed(after: int | None = None, limit: int = 200):
            if self.fails:
                raise HTTPException(500)
            chain = [self.chained(number, body) for number, body in enumerate(self.decisions.values(), 1)]
            items = [] if after is None else chain[after : after + limit]
            return {"items": items, "last": len(chain) if after is None else after + len(items)}

    def judge(self, number, metrics, importance):
        """A version that passed its gates with these figures, in the run of its number."""
        self.judged[number] = {"metrics": {"candidate": metrics, "champion": None}, "importance": importance}

    def record(self, body):
        """Put a decision behind the others."""
        self.decisions.setdefault(body["id"], body)

    def chained(self, number, body):
        return body | {"number": number, "recorded_at": "2026-01-05T12:00:00Z", "hash": "", "previous": ""}

    def put(self, data):
        self.files[digest(data)] = data
        return digest(data)

    def version(self, number, slope, bias=0.0, trained_through=START, revision=None, base=None, holdout=None):
        """A version of the model `slope * price + bias`, as a lineup names it."""
        files = {"model.onnx": self.put(graph(slope, bias))}
        files["baseline.json"] = self.put(base or baseline(model=slope))
        if holdout is not None:
            files["holdout.onnx"] = self.put(graph(holdout))
        through = trained_through.isoformat() if trained_through else None
        return {
            "version": number,
            "revision": revision or f"sales--r{number}",
            "files": files,
            "trained_through": through,
        }


class Service:
    """The running service as its callers see it."""

    def __init__(self, app, http, registry):
        self.app, self.http, self.registry = app, http, registry

    @property
    def otlp_port(self):
        return self.app.state.services.reception.now.port

    async def call(self, method, path, expect=200, **more):
        answer = await self.http.request(method, path, **more)
        assert answer.status_code == expect, answer.text
        return (
            answer.json() if answer.headers.get("content-type", "").startswith("application/json") else answer
        )

    async def declare(self, body, endpoint="sales"):
        return await self.call("PUT", f"/v1/monitors/{endpoint}", json=body)

    async def rows(
        self, number, features, answers, start=START, revision="sales--r1", endpoint="sales", size=20
    ):
        """Post one day's rows as requests of *size* rows."""
        await self.call("POST", f"/v1/monitors/{endpoint}/predictions",
                        json={"rows": rows_of(number, features, answers, start, revision, size)})  # fmt: skip

    async def labels(self, number, sold, start=START, complete=True, endpoint="sales", size=20):
        body = {"labels": labels_of(number, sold, start, size)}
        if complete:
            body["complete_through"] = (start + timedelta(days=number + 1)).isoformat()
        return await self.call("POST", f"/v1/monitors/{endpoint}/labels", json=body)

    async def closed(self, count, endpoint="sales", seconds=HANGS):
        """The closed days, once there are *count* of them."""
        seen = 0
        async with asyncio.timeout(seconds):
            while len(days := await self.call("GET", f"/v1/monitors/{endpoint}/days")) < count:
                feed = await self.call("GET", "/v1/closings", params={"after": seen, "wait": 1})
                seen = feed["last"]
        return days


async def until(holds):
    """Returns once *holds* does."""
    async with asyncio.timeout(HANGS):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture(autouse=True)
def merging_by_hand(monkeypatch):
    """Segments are merged when a test asks for it, not whenever two seconds are over."""
    monkeypatch.setattr(merging, "EVERY", 3600.0)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "run").mkdir()
    entries = [
        {"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for token, role in TOKENS.items()
    ]
    (tmp_path / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return MonitoringSettings(
        home=tmp_path,
        otlp_port=0,
        flush_seconds=0.01,
        closing_seconds=0.1,
        decision_seconds=0.05,
        webhook_seconds=1.0,
    )


@pytest.fixture
def running(settings, registry):
    """Starts the service as often as a test likes, on the same home."""

    @asynccontextmanager
    async def start(settings=settings):
        app = build(settings)
        transport = httpx.ASGITransport(app)
        app.state.services.clients.registry.api._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(registry.app), base_url="http://registry"
        )
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://localhost", headers=ADMIN, timeout=HANGS
            ) as http,
        ):
            yield Service(app, http, registry)

    return start


@pytest.fixture
async def service(running):
    async with running() as started:
        yield started
