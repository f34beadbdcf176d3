"""One serving process with real Triton and real Envoy for the whole run; its neighbours are stand-ins."""

import contextlib
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from millrace_serving.processes import recorded
from millrace_serving.processes.ports import free_port

from . import graphs
from .neighbours import LogReceiver, Neighbours

TOKENS = {
    "user-token": "admin",
    "viewer-token": "viewer",
    "gateway-token": "gateway",
    "own-token": "serving",
    "controller-token": "controller",
}


def write_tokens(home):
    (home / "run").mkdir(parents=True, exist_ok=True)
    entries = [
        {"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for token, role in TOKENS.items()
    ]
    (home / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))


class Serving:
    """The service as a process, and short words for what tests do with it."""

    def __init__(self, home, public=True):
        self.home, self.public = home, public
        write_tokens(home)
        self.neighbours = Neighbours()
        self.receiver = LogReceiver("gateway-token")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.names = (f"flights-{number}" for number in itertools.count(1))
        self.client = httpx.Client(
            base_url=self.url, headers={"authorization": "Bearer user-token"}, timeout=40, trust_env=False
        )

    def environment(self):
        return os.environ | {
            "MILLRACE_HOME": str(self.home),
            "MILLRACE_SERVICE": "serving",
            "MILLRACE_PORT": str(self.port),
            "MILLRACE_TOKEN": "own-token",
            "MILLRACE_GATEWAY_TOKEN": "gateway-token",
            "MILLRACE_GATEWAY_PUBLIC": str(self.public),
            "MILLRACE_REGISTRY_URL": self.neighbours.url,
            "MILLRACE_MONITORING_URL": self.neighbours.url,
            "MILLRACE_OTLP_PORT": str(self.receiver.port),
            "MILLRACE_PROBE_SECONDS": "0.5",
            "MILLRACE_SAFETY_SECONDS": "0.5",
            "MILLRACE_FORM_SECONDS": "0.5",
            "OMP_NUM_THREADS": "1",
        }

    def start(self):
        log = (self.home / "serving.log").open("ab")
        command = [sys.executable, "-m", "millrace_core.serve", "millrace_serving.main"]
        self.process = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)
        self.wait_ready()

    def wait_ready(self, seconds=120):
        deadline = time.monotonic() + seconds
        answer = None
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                answer = self.client.get("/readyz")
                if answer.status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {answer and answer.text}\n{self.log()[-3000:]}")

    def log(self):
        return (self.home / "serving.log").read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def close(self):
        """Stop in good order: nothing of the data plane may be left; what a failed test left is ended."""
        processes = [self.record(name) for name in ("triton", "envoy")]
        if self.process.poll() is None:
            self.stop()
            assert not any(recorded.alive(process) for process in processes if process)
        for name in ("triton", "envoy"):
            record = recorded.read(self.home / "run" / f"{name}.json")
            if record is not None and recorded.alive(record):
                recorded.end_group(record.pid, 0)
        self.neighbours.close()
        self.receiver.close()

    def record(self, name):
        return recorded.read(self.home / "run" / f"{name}.json")

    def endpoint(self, mode="live", model="air-time", **more):
        name = next(self.names)
        answer = self.client.put(f"/v1/endpoints/{name}", json={"model": model, "mode": mode} | more)
        assert answer.status_code == 200, answer.text
        return name

    def rollout(self, name, version, graph=None, golden=None, plan=None, at="2013-03-01T00:00:00Z", **more):
        slope = float(version)
        graph = graph or graphs.graph(slope)
        digest = self.neighbours.register("air-time", version, graph)
        body = {
            "key": more.pop("key", f"run-{version}"),
            "model": "air-time",
            "version": version,
            "signature": graphs.SIGNATURE,
            "files": {"model.onnx": digest},
            "golden": golden or graphs.golden(slope),
            "plan": plan or {"mirror": None, "canary": []},
            "event_time": at,
            "loop": "flights",
            "run": version,
        } | more
        answer = self.client.post(f"/v1/endpoints/{name}/rollouts", json=body)
        assert answer.status_code in (200, 201), answer.text
        waited = self.client.get(f"/v1/endpoints/{name}/rollouts/{answer.json()['id']}", params={"wait": 30})
        return waited.json()

    def advance(self, name, at):
        answer = self.client.post(f"/v1/endpoints/{name}:advance", json={"event_time": at})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def predict(self, name, rows=None, **more):
        rows = rows or [{"distance": 100.0, "origin": "JFK", "departed": "2013-03-10T07:00:00Z"}]
        return self.client.post(f"/v1/endpoints/{name}:predict", json={"rows": rows} | more)

    def gateway(self):
        return self.client.get("/v1/gateway").json()


@pytest.fixture(scope="session")
def serving(tmp_path_factory):
    service = Serving(tmp_path_factory.mktemp("serving"))
    try:
        service.start()
        yield service
    finally:
        service.close()
