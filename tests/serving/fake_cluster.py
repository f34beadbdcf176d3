"""A Kubernetes in memory, strict about what it is given, whose Deployments get pods that answer as a test says."""

import copy
import json
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kubernetes_validate

from millrace_core.errors import BadInput, Unavailable

KINDS = {
    ("v1", "Service"),
    ("v1", "Pod"),
    ("v1", "ServiceAccount"),
    ("v1", "Event"),
    ("apps/v1", "Deployment"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "Job"),
}
READY = {"type": "Ready", "status": "True"}


def matches(item, selector):
    labels = item["metadata"].get("labels", {})
    wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
    return all(labels.get(key) == value for key, value in wanted.items())


def digest(thing):
    """The graph that a pod or a template is made for; another one is another pod."""
    return thing["metadata"].get("annotations", {}).get("millrace.dev/digest")


class FakeCluster:
    """Objects by (kind, namespace, name). *down*: the API server does not answer."""

    def __init__(self):
        self.objects, self.events, self.applied, self.deleted, self.down = {}, [], [], [], False
        self.born = lambda pod: pod["status"].update(conditions=[READY], podIP="127.0.0.1")
        """What becomes of a new pod."""

    def _answer(self, api_version, kind):
        if self.down:
            raise Unavailable("The API server does not answer.")
        assert (api_version, kind) in KINDS, (api_version, kind)

    def put(self, kind, name, namespace="work", **more):
        """An object that somebody else made."""
        versions = {known: version for version, known in KINDS}
        item = {"apiVersion": versions[kind], "kind": kind}
        item |= {"metadata": {"name": name, "namespace": namespace, "uid": str(uuid.uuid4())}}
        item["metadata"] |= more.pop("metadata", {})
        self.objects[kind, namespace, name] = item | more
        return self.objects[kind, namespace, name]

    async def apply(self, manifest, namespace=None):
        self._answer(manifest["apiVersion"], manifest["kind"])
        try:
            kubernetes_validate.validate(manifest, "1.34", strict=True)
        except kubernetes_validate.ValidationError as error:
            raise BadInput(f"Kubernetes says: {error.message}") from error
        assert manifest["metadata"]["namespace"] == namespace
        key = manifest["kind"], namespace, manifest["metadata"]["name"]
        old = self.objects.get(key)
        made = copy.deepcopy(manifest)
        made["metadata"] |= {
            "uid": old["metadata"]["uid"] if old else str(uuid.uuid4()),
            "creationTimestamp": old["metadata"]["creationTimestamp"] if old else now(),
        }
        self.objects[key] = made
        self.applied.append(f"{key[0]}/{key[2]}")
        self.roll()
        return made

    def roll(self):
        """What the Deployment controller does: every Deployment has its pods, and no pod is without one."""
        wanted = {}
        for (kind, namespace, name), item in self.objects.items():
            if kind == "Deployment":
                for index in range(item["spec"].get("replicas", 1)):
                    wanted["Pod", namespace, f"{name}-{index}"] = item["spec"]["template"]
        for key in [key for key, item in self.objects.items() if key[0] == "Pod" and "made" in item]:
            if key not in wanted or digest(self.objects[key]) != digest(wanted[key]):
                del self.objects[key]
        for key, template in wanted.items():
            if key not in self.objects:
                metadata = copy.deepcopy(template["metadata"])
                pod = self.put(
                    "Pod", key[2], key[1], metadata=metadata, status={"phase": "Running"}, made=True
                )
                self.born(pod)

    async def get(self, kind, name, namespace, api_version="v1"):
        self._answer(api_version, kind)
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    async def list(self, kind, namespace, labels="", api_version="v1", fields=""):
        self._answer(api_version, kind)
        if kind == "Event":
            return [item for item in self.events if fields == f"involvedObject.uid={item['about']}"]
        found = [
            i for (k, n, _), i in self.objects.items() if k == kind and n == namespace and matches(i, labels)
        ]
        return copy.deepcopy(found)

    async def delete(self, kind, name, namespace, api_version="v1", foreground=False):
        self._answer(api_version, kind)
        self.deleted.append(f"{kind}/{name}")
        gone = self.objects.pop((kind, namespace, name), None)
        self.roll()
        return gone is not None

    async def event(self, about, reason, message, warning=False):
        self._answer("v1", "Event")
        assert (about["apiVersion"], about["kind"]) in KINDS
        about = about["metadata"]["uid"]
        self.events.append({"about": about, "reason": reason, "message": message, "type": "Warning"})

    def names(self, kind):
        return sorted(name for (k, _, name) in self.objects if k == kind)

    def pods(self):
        return [item for (kind, _, _), item in self.objects.items() if kind == "Pod"]


def now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeTriton:
    """The Triton of one pod: answers every inference with *outputs*, or is dead behind a healthy front.

    What a model answers by itself stands in *models*; where *loaded* is a set, it knows no others.
    """

    def __init__(self, address, port, outputs):
        self.outputs, self.dead, self.asked = outputs, False, []
        self.models, self.loaded = {}, None
        triton = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                triton.asked.append(self.path)
                self._send(*triton.answer(self.path.split("/")[3]))

            def _send(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((address, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, model):
        if self.dead:
            return 500, {"error": "the stub process is not healthy"}
        if self.loaded is not None and model not in self.loaded:
            return 400, {"error": f"Request for unknown model: '{model}' is not found"}
        shaped = [
            {"name": name, "datatype": "FP32", "shape": [len(values), 1], "data": values}
            for name, values in self.models.get(model, self.outputs).items()
        ]
        return 200, {"outputs": shaped}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
