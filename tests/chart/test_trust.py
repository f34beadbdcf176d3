"""A company's own authorities: the chart gives them to whatever speaks TLS to the outside, and it reads them there."""

import asyncio
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading

import pytest
from tests.chart.rendering import Pod, pods, render
from tests.chart.test_edge import certificate

SPEAKING = {"registry", "training", "serving", "monitoring", "controller", "migrate"}
STORE = """
import obstore, sys
from obstore.store import from_url
try:
    obstore.head(from_url("s3://bucket/prefix", retry_config={"max_retries": 0}), "key")
except FileNotFoundError:
    print("answered")
"""
DATABASE = """
import asyncio, sys
from sqlalchemy.ext.asyncio import create_async_engine
async def connect():
    async with create_async_engine(sys.argv[1]).connect():
        pass
asyncio.run(connect())
"""


def given(pod: Pod) -> set[tuple[str, str]]:
    """Variables of TLS that every container of a pod has."""
    each = [{(item["name"], item.get("value", "")) for item in one.get("env", [])} for one in pod.containers]
    return {item for item in set.intersection(*each) if item[0] in ("SSL_CERT_FILE", "PGSSLROOTCERT")}


def test_they_reach_what_speaks_to_database_store_and_issuers_and_nothing_else():
    objects = render("--set", "trust.existingConfigMap=company-ca")
    wanted = {("SSL_CERT_FILE", "/etc/trust/ca.crt"), ("PGSSLROOTCERT", "/etc/trust/ca.crt")}
    assert {pod.component for pod in pods(objects) if given(pod) == wanted} == SPEAKING
    for pod in pods(objects):
        named = [volume["configMap"]["name"] for volume in pod.spec["volumes"] if volume["name"] == "trust"]
        assert named == (["company-ca"] if pod.component in SPEAKING else [])
        for container in pod.containers:
            mounts = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "trust"]
            assert mounts == (["/etc/trust"] if pod.component in SPEAKING else [])


def test_without_them_nothing_is_mounted():
    assert not any(given(pod) for pod in pods(render()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("trust")
    certificate(made)
    return made


@pytest.fixture
def listening(folder):
    """Starts a server that speaks TLS as localhost after *hello*; gives its port, and a list of what it was told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    opened = []

    def start(hello, answer):
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)
        told: list[bytes] = []
        threading.Thread(target=serve, args=(listener, context, hello, answer, told), daemon=True).start()
        return listener.getsockname()[1], told

    yield start
    for listener in opened:
        listener.close()


def serve(listener, context, hello, answer, told):
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        try:
            hello(plain)
            with context.wrap_socket(plain, server_side=True) as secret:
                told.append(secret.recv(4096))
                secret.sendall(answer)
        except OSError:
            plain.close()


def asks_for_tls(plain):
    """PostgreSQL's clients ask whether TLS is spoken, and are told yes."""
    assert struct.unpack("!II", plain.recv(8)) == (8, 80877103)
    plain.sendall(b"S")


def run(source, *arguments, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SSL_", "PG", "AWS_"))}
    command = [sys.executable, "-c", source, *arguments]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_object_stores_client_believes_them_alone(folder, listening, trusted):
    port, _ = listening(lambda plain: None, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
    secret = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu"}
    trust = {"SSL_CERT_FILE": str(folder / "tls.crt")} if trusted else {}
    done = run(STORE, **secret, AWS_ENDPOINT=f"https://localhost:{port}", **trust)
    assert ("answered" in done.stdout) is trusted, done.stderr


@pytest.mark.parametrize("trusted", [True, False])
def test_the_databases_client_believes_them_alone(folder, listening, trusted):
    port, told = listening(asks_for_tls, b"")
    trust = {"PGSSLROOTCERT": str(folder / "tls.crt")} if trusted else {}
    url = f"postgresql+asyncpg://user:secret@localhost:{port}/name?ssl=verify-full"
    done = run(DATABASE, url, HOME="/nonexistent", **trust)
    assert bool(told) is trusted, done.stderr
    assert trusted or "root.crt" in done.stderr or "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_the_issuers_client_believes_them(folder, listening, monkeypatch):
    port, told = listening(lambda plain: None, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "tls.crt"))
    from millrace_core.errors import Unavailable
    from millrace_core.identity_keys import Keys

    async def ask():
        with pytest.raises(Unavailable):
            await asyncio.to_thread(Keys({"issuer": f"https://localhost:{port}"}).find, "key")

    asyncio.run(ask())
    assert told[0].startswith(b"GET /.well-known/openid-configuration")
