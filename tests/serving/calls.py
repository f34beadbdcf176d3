"""The gateway's gRPC door for tests: a real Envoy with the project's own configuration, strict stand-ins behind it."""

import base64
import contextlib
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import httpx
import numpy as np
from tritonclient.grpc import service_pb2 as oip
from tritonclient.grpc import service_pb2_grpc

from millrace_contracts.signature import Signature
from millrace_serving.envoy import callers, manifests
from millrace_serving.envoy.bootstrap import Gateway, bootstrap
from millrace_serving.processes.ports import free_port
from millrace_serving.refusals import messages as refusals

from . import graphs
from .neighbours import LogReceiver

ENVOY = Path(sys.prefix) / "bin" / "envoy"
SIGNATURE = Signature.model_validate(graphs.SIGNATURE)
BYTES_EACH = {"FP32": 4, "INT64": 8}
TYPES = {"distance": "FP32", "origin": "BYTES", "departed": "INT64"}


class StandIn(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers as Triton does, from the published service definition, and refuses whatever Triton would."""

    def __init__(self, models):
        self.models, self.asked, self.fault, self.early = models, [], None, False
        self.server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def _known(self, name, context):
        if name not in self.models:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{name}' is not found")

    def ModelReady(self, request, context):
        self._known(request.name, context)
        return oip.ModelReadyResponse(ready=True)

    def ModelMetadata(self, request, context):
        self._known(request.name, context)
        told = oip.ModelMetadataResponse(name=request.name, versions=["1"], platform="python")
        packed = {f"packed.{kind}": kind for kind in TYPES.values()}
        for name, datatype in {**TYPES, **packed}.items():
            told.inputs.add(name=name, datatype=datatype, shape=[-1, 1])
        told.outputs.add(name="prediction", datatype="FP32", shape=[-1, 1])
        return told

    def ModelInfer(self, request, context):
        self.asked.append((request, dict(context.invocation_metadata())))
        self._known(request.model_name, context)
        if self.early:
            context.send_initial_metadata((("x-early", "yes"),))
        if self.fault:
            context.abort(*self.fault)
        try:
            distance = self._checked(request)
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        values = (self.models[request.model_name] * distance).astype("<f4")
        answer = oip.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        answer.outputs.add(name="prediction", datatype="FP32", shape=[len(values), 1])
        answer.raw_output_contents.append(values.tobytes())
        return answer

    @staticmethod
    def _checked(request):
        """The distances. Raises: ValueError as Triton would refuse."""
        found = {}
        if request.raw_input_contents and len(request.raw_input_contents) != len(request.inputs):
            raise ValueError("expected raw contents for every input")
        for place, tensor in enumerate(request.inputs):
            if TYPES.get(tensor.name) != tensor.datatype:
                raise ValueError(
                    f"unexpected inference input '{tensor.name}' for model '{request.model_name}'"
                )
            if request.raw_input_contents:
                raw = request.raw_input_contents[place]
                if tensor.datatype in BYTES_EACH and len(raw) != BYTES_EACH[tensor.datatype] * np.prod(
                    tensor.shape
                ):
                    raise ValueError(f"unexpected total byte size for input '{tensor.name}'")
                found[tensor.name] = np.frombuffer(raw, "<f4") if tensor.datatype == "FP32" else raw
            else:
                found[tensor.name] = np.float32(tensor.contents.fp32_contents)
        wanted = TYPES if "fraud" in request.model_name else ["distance"]
        if set(found) != set(wanted):
            raise ValueError(f"expected {len(wanted)} inputs but got {len(found)} inputs")
        return found["distance"]

    def close(self):
        self.server.stop(0)


class Discovery(ThreadingHTTPServer):
    """Serves clusters and route tables to the Envoy of a test, as serving would."""

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), _Discovering)
        self.resources, self.version, self.taken, self.explained = {}, "0", {}, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def publish(self, revisions, splits, ways, asking=None):
        tables = manifests.route_tables(splits, ways)
        filters = {} if asking is None else callers.extensions(asking)
        self.resources = {"clusters": manifests.clusters(revisions, ways), "inference": [tables[0]]}
        self.resources |= {"shadow": [tables[1]]} | {name: [made] for name, made in filters.items()}
        self.version = str(int(self.version) + 1)
        deadline = time.monotonic() + 20
        while any(self.taken.get(name) != self.version for name in self.resources):
            assert time.monotonic() < deadline, "Envoy does not take the configuration"
            time.sleep(0.02)


class _Discovering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if "refusals" in self.path:
            return self._explain(base64.b64decode(body))
        asked = json.loads(body)
        name = "clusters" if self.path.endswith("clusters") else asked["resource_names"][0]
        server = self.server
        server.taken[name] = asked.get("version_info", "")
        deadline = time.monotonic() + 1
        while server.taken[name] == server.version or name not in server.resources:
            if time.monotonic() > deadline:
                return self._send(304, b"")
            time.sleep(0.01)
        kind = server.resources[name][0]["@type"] if server.resources[name] else manifests.CLUSTER
        told = {"version_info": server.version, "type_url": kind, "resources": server.resources[name]}
        return self._send(200, json.dumps(told).encode())

    def _explain(self, body):
        """As serving does about a message, by the signature of the tests' models."""
        self.server.explained += 1
        try:
            words = refusals.of_message(body, SIGNATURE, 1024, True)
        except ValueError as error:
            words = str(error)
        self._send(400 if words else 204, words.encode(), "text/plain")

    def _send(self, status, body, kind="application/json"):
        with contextlib.suppress(BrokenPipeError):
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Door:
    """An Envoy as a gateway pod runs it, and what it logs."""

    def __init__(self, folder, grpc=True, protected=False, flags=(), **more):
        self.receiver = LogReceiver("gateway-token")
        ports = {
            name: free_port() for name in ("inference_port", "shadow_port", "admin_port", "discovery_port")
        }
        self.discovery = Discovery(ports["discovery_port"])
        gateway = Gateway(
            **ports, otlp_port=self.receiver.port, token="gateway-token", flush_seconds=0.05, request_seconds=30,
            grpc=grpc, protected=protected, **more,
        )  # fmt: skip
        self.address = f"127.0.0.1:{ports['inference_port']}"
        self.admin = f"http://127.0.0.1:{ports['admin_port']}"
        boot, self.log = folder / "boot.json", folder / "envoy.log"
        boot.write_text(json.dumps(bootstrap(gateway)))
        command = [ENVOY, "-c", boot, "--concurrency", "1", "--disable-hot-restart", *flags]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--reject-unknown-dynamic-fields", "--log-level", "warn"], stdout=log, stderr=log
            )

    def stats(self, wanted):
        """Envoy's counters whose names match, by name."""
        shown = httpx.get(f"{self.admin}/stats", params={"filter": wanted, "format": "json"}, trust_env=False)
        return {item["name"]: item["value"] for item in shown.json()["stats"] if "name" in item}

    def wait(self, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.admin}/ready", trust_env=False).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-3000:])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.discovery.shutdown()
        self.discovery.server_close()
        self.receiver.close()
