"""Stand-ins for serving's neighbours, over real sockets: registry, monitoring's arms, and the log receiver."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)

from millrace_contracts import access
from millrace_contracts.arms import ArmsRead
from millrace_contracts.models import ModelVersionRead

from . import graphs

NONE = "sha256:" + "0" * 64


class Neighbours:
    """Registry and monitoring in one small app; tests put models and arms in, and read decisions."""

    def __init__(self):
        self.artifacts, self.versions, self.arms, self.decisions = {}, {}, {}, []
        self.baselines, self.releases = {}, {}
        app = FastAPI()
        app.get("/v1/models/{model}/versions/{number}")(self.version)
        app.get("/v1/artifacts/{digest}")(self.artifact)
        app.post("/v1/decisions")(self.decide)
        app.get("/v1/monitors/{endpoint}/arms")(self.read_arms)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def register(self, model, number, graph):
        digest = "sha256:" + hashlib.sha256(graph).hexdigest()
        self.artifacts[digest] = graph
        self.versions[model, number] = digest
        return digest

    def remember(self, number, baseline):
        """What training saw of a version."""
        digest = "sha256:" + hashlib.sha256(baseline).hexdigest()
        self.artifacts[digest], self.baselines[number] = baseline, digest

    async def version(self, model: str, number: int):
        if (model, number) in self.releases:
            return self.releases[model, number].told()
        if (model, number) not in self.versions:
            raise HTTPException(404)
        release = {
            "model": model, "number": number, "key": f"run-{number}", "digest": NONE, "task": "regression",
            "target": "air_time", "files": {"model.onnx": self.versions[model, number]},
            "signature": graphs.SIGNATURE, "golden": graphs.golden(), "metrics": {},
            "baseline": self.baselines.get(number), "lineage": {}, "environment": {},
            "created_at": "2013-03-01T00:00:00Z",
        }  # fmt: skip
        return ModelVersionRead.model_validate(release)

    async def artifact(self, digest: str):
        return Response(self.artifacts[digest], media_type="application/octet-stream")

    async def decide(self, request: Request):
        self.decisions.append(await request.json())
        return {}

    async def read_arms(self, endpoint: str, since: str | None = None, until: str | None = None):
        span = {"since": since or "1970-01-01T00:00:00Z", "until": until or "2200-01-01T00:00:00Z"}
        arms = self.arms.get(endpoint, {"revisions": [], "mirrored": {"pairs": 0, "pairings": []}})
        return ArmsRead.model_validate(span | arms)

    def close(self):
        self.server.should_exit = True
        self.thread.join(5)


class LogReceiver(LogsServiceServicer):
    """Keeps every prediction log record that Envoy sends, as a dict of its fields."""

    def __init__(self, token):
        self.records, self.token = [], token
        self.server = grpc.server(ThreadPoolExecutor(2))
        add_LogsServiceServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def Export(self, request, context):
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for item in scope.log_records:
                    lines = item.body.string_value.split(access.END)
                    record = dict(zip(access.FIELDS, lines, strict=True))
                    self.records.append(record | {"at": item.time_unix_nano})
        return ExportLogsServiceResponse()

    def of(self, request_id, count=1, seconds=30.0):
        """The records of one request, once there are *count*."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [item for item in self.records if item["request_id"] == request_id]
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(found)} of {count} records of {request_id}")

    def close(self):
        self.server.stop(0)
