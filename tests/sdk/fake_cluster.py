"""A cluster with a release of Millrace in it: its API server over real HTTP and WebSocket, and a registry behind it."""

import base64
import hashlib
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import yaml

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def service(namespace, name, instance="millrace"):
    labels = {"app.kubernetes.io/name": "millrace", "app.kubernetes.io/instance": instance}
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels}}


def served(handle):
    """A server on loopback; *handle* answers (status, body) for (method, path, query, body, headers)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self):
            url, body = urlsplit(self.path), self.rfile.read(int(self.headers.get("content-length", 0)))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if self.headers.get("upgrade", "").lower() == "websocket":
                return handle("CONNECT", url.path, query, self, dict(self.headers))
            status, answer = handle(self.command, url.path, query, body, dict(self.headers))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return None

        do_GET = do_POST = do_PUT = _any

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class Cluster:
    """Services, Ingresses and accounts as a test says; *hidden* paths are refused with 403."""

    def __init__(self, folder):
        self.services = [service("millrace", "millrace-registry")]
        self.ingresses, self.accounts, self.hidden = [], {"team-a/millrace"}, set()
        self.tokens, self.forwards, self.shown, self.roles = [], [], [], ["viewer", "operator"]
        self.registry = served(self._registry)
        self.api = served(self._api)
        self.config = folder / "kubeconfig"
        self.write("team-a")

    def write(self, namespace):
        """The kubeconfig, with a context in *namespace*."""
        named = {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": namespace}}
        document = {
            "apiVersion": "v1", "kind": "Config", "current-context": "here", "contexts": [named],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.api.server_port}"}}],
            "users": [{"name": "u", "user": {"token": "of-the-user"}}],
        }  # fmt: skip
        self.config.write_text(yaml.safe_dump(document))

    def close(self):
        self.api.shutdown()
        self.registry.shutdown()

    def _registry(self, method, path, query, body, headers):
        self.shown.append(headers["authorization"].removeprefix("Bearer "))
        project = query.get("namespace") or query["project"]
        mine = [{"project": project, "roles": self.roles}] if self.roles else []
        return 200, {"name": "team-a/millrace", "role": None, "project": project, "projects": mine}

    def _api(self, method, path, query, body, headers):
        if path in self.hidden:
            return 403, {"message": f"user cannot see {path}"}
        if path.endswith("/token"):
            return self._token(*path.split("/")[4:7:2], json.loads(body))
        if path.endswith("/portforward"):
            return self._forward(path, query, body)
        if path.endswith("/pods"):
            ready = {"conditions": [{"type": "Ready", "status": "True"}]}
            component = query["labelSelector"].rpartition("=")[2]
            return 200, {"items": [{"metadata": {"name": f"{component}-1"}, "status": ready}]}
        namespace = path.partition("/namespaces/")[2].partition("/")[0] or None
        found = self.ingresses if path.endswith("/ingresses") else self.services
        return 200, {"items": [item for item in found if namespace in (None, item["metadata"]["namespace"])]}

    def _token(self, namespace, account, asked):
        if f"{namespace}/{account}" not in self.accounts:
            return 404, {"message": f'serviceaccounts "{account}" not found'}
        assert asked["spec"]["audiences"] == ["millrace"]
        self.tokens.append(f"token-of-{namespace}/{account}-{len(self.tokens) + 1}")
        return 201, {"status": {"token": self.tokens[-1]}}

    def _forward(self, path, query, handler):
        """Kubernetes' port-forward: data on channel 0, errors on channel 1, each begun with the port's number."""
        self.forwards.append((path.split("/")[-2], query["ports"]))
        key = handler.headers["sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
        handler.send_response(101)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept,
                            "Sec-WebSocket-Protocol": "v4.channel.k8s.io"}.items():  # fmt: skip
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.flush()
        port = struct.pack("<H", int(query["ports"]))
        for channel in (0, 1):
            _send(handler, bytes([channel]) + port)
        far = socket.create_connection(("127.0.0.1", self.registry.server_port))
        threading.Thread(target=_back, args=(far, handler), daemon=True).start()
        while (data := _read(handler)) is not None:
            if data[:1] == b"\0":
                far.sendall(data[1:])
        far.close()
        handler.close_connection = True


def _back(far, handler):
    while data := far.recv(65536):
        _send(handler, b"\0" + data)


def _send(handler, data):
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
    handler.wfile.write(b"\x82" + length + data)
    handler.wfile.flush()


def _read(handler):
    """One frame's bytes; None at the end."""
    head = handler.rfile.read(2)
    if len(head) < 2 or head[0] & 15 == 8:
        return None
    size = head[1] & 127
    size = size if size < 126 else struct.unpack(">H", handler.rfile.read(2))[0]
    mask, data = handler.rfile.read(4), handler.rfile.read(size)
    return bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
