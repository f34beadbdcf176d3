"""A platform that answers from a table of prepared answers, and the command line run in this process."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from millrace.cli.main import app
from millrace.client import SERVICES


class Answers(BaseHTTPRequestHandler):
    """Answers `METHOD /path` as the test prepared it; a list is one page, a callable is asked with the body."""

    def _answer(self):
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append((f"{self.command} {path}", self.path, body))
        status, content = self.server.answers.get(
            f"{self.command} {path}",
            (404, {"title": "Not found", "status": 404, "detail": f"there is no {path}"}),
        )
        content = content(body) if callable(content) else content
        if isinstance(content, list) and not path.endswith("/days"):
            content = {"items": content, "next": None}
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "text/html" if isinstance(content, bytes) else "application/json"
        self.send_response(status)
        for name, value in (
            ("content-type", kind),
            ("content-length", str(len(sent))),
            ("x-request-id", "r1"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def fake(monkeypatch):
    """The prepared platform: `fake.answers["GET /v1/loops"] = (200, [...])`; `fake.seen` is what was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    server.answers, server.seen = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    for name in SERVICES:
        monkeypatch.setenv(f"MILLRACE_{name.upper()}_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MILLRACE_TOKEN", "mlr_test")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No platform: no URL in the environment, an empty home."""
    for name in SERVICES:
        monkeypatch.delenv(f"MILLRACE_{name.upper()}_URL", raising=False)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def millrace():
    """Run one command: `millrace("loops", "list").stdout`; `.code` is its exit code."""

    def run(*arguments, **more):
        done = CliRunner().invoke(app, [str(item) for item in arguments], **more)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return SimpleNamespace(code=done.exit_code, stdout=done.stdout, stderr=done.stderr)

    return run
