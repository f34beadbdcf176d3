"""A small API server over real HTTP: objects by path, pages, and every answer that a test wants to see refused."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KINDS = {
    "/api/v1": {"Pod": ("pods", True), "Event": ("events", True), "Namespace": ("namespaces", False)},
    "/apis/batch/v1": {"Job": ("jobs", True)},
}


class ApiServer:
    """`objects` by path; `answers` are given instead, as (status, message), in turn; `asked` is what came."""

    def __init__(self):
        self.objects, self.answers, self.asked, self.page, self.closed = {}, [], [], 2, False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self):
                if outer.closed:
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, found = outer.answer(self.command, self.path, body, dict(self.headers))
                data = found.encode() if isinstance(found, str) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header(
                    "content-type", "text/plain" if isinstance(found, str) else "application/json"
                )
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = _any

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        """As if it had died: nothing is answered, on open connections either."""
        self.closed = True
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, target, body, headers):
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        sent = json.loads(body) if body else None
        if url.path in KINDS:
            return 200, {"resources": _resources(KINDS[url.path])}
        self.asked.append((method, url.path, query, sent, headers.get("Content-Type")))
        if self.answers:
            status, message = self.answers.pop(0)
            return status, {"kind": "Status", "message": message}
        return self._do(method, url.path, query, sent)

    def _do(self, method, path, query, sent):
        if method == "POST":
            path = f"{path}/{sent['metadata']['name']}"
            if path in self.objects:
                return 409, _status(f"{path} already exists")
            self.objects[path] = sent
            return 201, sent
        if method == "PATCH" and not path.endswith("/status"):
            self.objects[path] = sent
            return 200, sent
        if method == "GET" and path.endswith("/log"):
            return 200, "first\nlast\n"
        if method == "GET" and path.rsplit("/", 1)[1] in ("pods", "jobs", "namespaces"):
            return self._listed(path, int(query.get("continue", 0)))
        found = self.objects.get(path.removesuffix("/status"))
        if found is None:
            return 404, _status(f"{path} not found")
        if method == "DELETE":
            return 200, self.objects.pop(path)
        if method == "PATCH":
            found |= sent
        return 200, found

    def _listed(self, path, start):
        plural = path.rsplit("/", 1)[1]
        found = [item for name, item in sorted(self.objects.items()) if f"/{plural}/" in name]
        found = found if "/namespaces/" not in path else [i for i in found if _place(i) in path]
        bare = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in found]
        end = start + self.page
        more = {"continue": str(end)} if end < len(bare) else {}
        return 200, {"metadata": more, "items": bare[start:end]}


def _place(item):
    return f"/namespaces/{item['metadata']['namespace']}/"


def _resources(kinds):
    plain = [{"name": name, "kind": kind, "namespaced": scope} for kind, (name, scope) in kinds.items()]
    return [*plain, {"name": "pods/eviction", "kind": "Eviction", "namespaced": True}]


def _status(message):
    return {"kind": "Status", "message": message}
