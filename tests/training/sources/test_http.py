"""A file of a web server: only when it has changed, whole although connections break, and from allowed hosts alone."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.training.sources.test_bucket import ids, sheet

from millrace_training.runtime.errors import JobError


class Site:
    """One file and how its server behaves."""

    def __init__(self):
        self.body, self.etag, self.token, self.moved = sheet(1, 200).encode(), '"1"', None, None
        self.breaks, self.busy, self.asked = 0, 0, []


@pytest.fixture
def site(monkeypatch):
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            return None

        def do_GET(self):
            made.asked.append(dict(self.headers))
            if made.busy:
                made.busy -= 1
                return self.answer(503)
            if made.token and self.headers.get("authorization") != f"Bearer {made.token}":
                return self.answer(401)
            if made.moved and not self.path.startswith("/there"):
                return self.answer(302, location=made.moved)
            if self.headers.get("if-none-match") == made.etag:
                return self.answer(304)
            start = 0
            if "range" in self.headers and self.headers.get("if-range") == made.etag:
                start = int(self.headers["range"].removeprefix("bytes=").rstrip("-"))
            body = made.body[start:]
            self.send_response(206 if start else 200)
            self.send_header("etag", made.etag)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if made.breaks:
                made.breaks -= 1
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return None
            return self.wfile.write(body)

        def answer(self, status, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.host = f"127.0.0.1:{server.server_port}"
    made.source = {"http": {"url": f"http://{made.host}/sales.csv"}}
    monkeypatch.setenv("MILLRACE_SOURCE_HOSTS", json.dumps([made.host]))
    yield made
    server.shutdown()
    server.server_close()


def test_a_file_comes_when_it_has_changed(site, pulled, rows):
    assert pulled(site.source).new_rows == 200
    assert pulled(site.source).new_rows == 0
    assert site.asked[-1]["if-none-match"] == '"1"'
    site.body, site.etag = sheet(1, 230).encode(), '"2"'
    result = pulled(site.source)
    assert (result.new_rows, result.known_rows) == (30, 200)
    assert ids(rows) == list(range(1, 231))


def test_a_connection_that_breaks_is_taken_up_where_it_broke(site, pulled, rows):
    site.breaks = 2
    assert pulled(site.source).new_rows == 200
    assert "range" not in site.asked[0]
    assert all(asked.get("range", "").startswith("bytes=") for asked in site.asked[1:])
    assert ids(rows) == list(range(1, 201))


def test_a_busy_server_is_asked_again(site, pulled):
    site.busy = 2
    assert pulled(site.source).new_rows == 200


def test_a_token_is_sent_and_never_told(site, pulled, monkeypatch):
    site.token = "lily-4711"
    monkeypatch.setenv("SHOP_TOKEN", "lily-4711")
    asked = {"http": site.source["http"] | {"bearer": {"env": "SHOP_TOKEN"}}}
    assert pulled(asked).new_rows == 200
    monkeypatch.setenv("SHOP_TOKEN", "wrong-0815")
    with pytest.raises(JobError) as refused:
        pulled(asked)
    assert "401" in str(refused.value)
    assert "wrong-0815" not in str(refused.value)
    with pytest.raises(JobError, match="belongs to the platform"):
        pulled({"http": site.source["http"] | {"bearer": {"env": "MILLRACE_TOKEN"}}})


def test_a_host_must_be_allowed_also_behind_a_redirection(site, pulled, monkeypatch):
    with pytest.raises(JobError, match="is not among the hosts") as refused:
        pulled({"http": {"url": "http://127.0.0.2/sales.csv"}})
    assert "MILLRACE_SOURCE_HOSTS" in refused.value.mend
    site.moved = "http://169.254.169.254/latest.csv"
    with pytest.raises(JobError, match=r"169.254.169.254:80 is not among"):
        pulled(site.source)
    site.moved = "/there/sales.csv"
    assert pulled(site.source).new_rows == 200
