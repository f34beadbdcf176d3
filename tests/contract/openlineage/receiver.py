"""A real HTTP server that takes OpenLineage events as Marquez does, and refuses what the specification does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.contract.openlineage.schema import mistakes

PATH = "/api/v1/lineage"


class Receiver:
    """`events` has what was taken, `keys` what was shown; `answer` is given in place of 201, `wrong` lists mistakes."""

    def __init__(self):
        self.events, self.keys, self.wrong, self.answer, self.tries = [], [], [], None, 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(receiver.take(self.path, body, self.headers.get("authorization")))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *words):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def take(self, path, event, key):
        """The status that one event is answered with."""
        self.tries += 1
        self.keys.append(key)
        found = mistakes(event) if path == PATH else [f"nobody listens at {path}"]
        self.wrong += found
        status = self.answer or (422 if found else 201)
        if status == 201:
            self.events.append(event)
        return status

    def told(self):
        """What happened, in short: job and move, in order."""
        return [(event["job"]["name"], event["eventType"]) for event in self.events]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
