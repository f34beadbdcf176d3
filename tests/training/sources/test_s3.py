"""A bucket of an S3 server: moto's, in an environment of its own, as it does not fit beside the platform's packages.

MILLRACE_MOTO_SERVER is the path of its `moto_server`: `python -m venv m; m/bin/pip install 'moto[server]==5.2.5'`. It
is a stand-in: it proves the requests, not the signatures.
"""

import json
import os
import socket
import subprocess
import time

import httpx
import pytest
from obstore.store import S3Store
from tests.training.sources.test_bucket import ids, sheet

from millrace_training.runtime.errors import JobError

SERVER = os.environ.get("MILLRACE_MOTO_SERVER", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SERVER, reason="MILLRACE_MOTO_SERVER names no server")]


@pytest.fixture
def endpoint(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([SERVER, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.put(f"{url}/sales", trust_env=False)
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    monkeypatch.setenv("MILLRACE_SOURCE_HOSTS", json.dumps(["127.0.0.1"]))
    monkeypatch.setenv("SHOP_KEY", "a")
    monkeypatch.setenv("SHOP_SECRET", "lily-4711")
    yield url
    server.terminate()
    server.wait()


def test_files_below_a_prefix_come_once(endpoint, pulled, rows):
    client = {"allow_http": True}
    store = S3Store(
        "sales",
        endpoint=endpoint,
        access_key_id="a",
        secret_access_key="b",
        region="us-east-1",
        client_options=client,
    )
    store.put("daily/01.csv", sheet(1, 200).encode())
    store.put("other/01.csv", b"no,rows\n")
    asked = {
        "url": "s3://sales/daily",
        "options": {"endpoint": endpoint, "region": "us-east-1"},
        "secrets": {"access_key_id": {"env": "SHOP_KEY"}, "secret_access_key": {"env": "SHOP_SECRET"}},
    }
    assert pulled({"bucket": asked}).new_rows == 200
    assert pulled({"bucket": asked}).deliveries == []
    store.put("daily/02.csv", sheet(201, 220).encode())
    assert pulled({"bucket": asked}).new_rows == 20
    assert ids(rows) == list(range(1, 221))
    with pytest.raises(JobError) as refused:
        pulled({"bucket": asked | {"url": "s3://nowhere/daily"}})
    assert "does not exist" in str(refused.value)
    assert "lily" not in str(refused.value)
