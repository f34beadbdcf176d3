"""Signed heads reach a webhook and a bucket; another key signs the next one, and what the old one signed holds on."""

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from obstore.store import S3Store

from millrace import auditing
from millrace_contracts.audit import SignedHead
from millrace_core.errors import Unavailable
from millrace_registry.audit import controller

from .conftest import caller, started

MOTO = os.environ.get("MILLRACE_MOTO_SERVER", "")
BUCKET = "audit"


class Receiver:
    """A web server that keeps what is posted to it; *away*: it answers 503."""

    def __init__(self):
        self.bodies, self.away = [], False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if not outer.away:
                    outer.bodies.append(body.decode())
                self.send_response(503 if outer.away else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/heads"


def write_key(path):
    """Another key in the file, as another Secret in the volume."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    staged = path.with_suffix(".new")
    staged.write_bytes(pem)
    staged.replace(path)


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.server.shutdown()


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of moto's server, and the environment by which the registry finds it."""
    if not MOTO:
        pytest.skip("MILLRACE_MOTO_SERVER names no server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            httpx.put(f"{url}/{BUCKET}", trust_env=False)
            break
        except httpx.TransportError:
            assert time.monotonic() < until
            time.sleep(0.2)
    for name, value in {
        "AWS_ENDPOINT": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield S3Store(
        BUCKET, endpoint=url, access_key_id="a", secret_access_key="b", region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    server.terminate()
    server.wait()


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pem"
    write_key(path)
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def registry(backend, key):
    async with started(await backend(audit_key_file=key, audit_seconds=3600)) as app:
        await asyncio.sleep(0)
        yield app


async def happened(registry, told, *numbers):
    """These decisions are recorded, and how far the chain is gets signed."""
    async with caller(registry, project="p") as client:
        for number in numbers:
            assert (await client.post("/v1/decisions", json=told(number, "p"))).status_code in (200, 201)
    return await controller.sign(registry.state.services)


def in_a_row(statements):
    """Whether none is missing; the service itself may have signed one before."""
    numbers = [head.number for head in statements]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def parsed(lines):
    return [SignedHead.model_validate_json(line) for line in lines]


async def test_a_key_that_is_changed_signs_the_next_head_and_both_are_verified(registry, told, key, receiver):
    services = registry.state.services
    services.settings.audit_exports = [receiver.url]
    await happened(registry, told, 1)
    await controller.export(services)
    await happened(registry, told, 2, 3)
    await controller.export(services)
    write_key(key)
    await happened(registry, told, 4)
    await controller.export(services)
    heads = parsed(receiver.bodies)
    found = auditing.check(heads)
    one, two = found.keys
    assert one != two
    assert auditing.check(heads, known=[one, two]).keys == [one, two]
    assert in_a_row(found.statements)
    for trusted in ([one], [two]):
        with pytest.raises(auditing.NotSigned, match="is signed by"):
            auditing.check(heads, known=trusted)
    with pytest.raises(auditing.NotSigned, match="follow"):
        auditing.check([heads[0], heads[-1]], known=[one, two])
    stolen = heads[0].model_copy(
        update={"signature": heads[-1].signature, "public_key": heads[-1].public_key}
    )
    with pytest.raises(auditing.NotSigned, match="signature"):
        auditing.check([stolen, *heads[1:]], known=[one, two])


async def test_a_place_that_is_away_gets_every_head_later_in_order(registry, told, receiver):
    services = registry.state.services
    services.settings.audit_exports = [receiver.url]
    receiver.away = True
    for number in (1, 2, 3):
        await happened(registry, told, number)
        with pytest.raises(Unavailable, match="did not take it"):
            await controller.export(services)
    assert receiver.bodies == []
    receiver.away = False
    assert await controller.export(services) >= 3
    assert await controller.export(services) == 0
    statements = auditing.check(parsed(receiver.bodies)).statements
    assert len(statements) >= 3
    assert in_a_row(statements)


async def test_a_bucket_has_each_head_once_and_a_folder_of_them_is_verified(
    registry, told, key, bucket, tmp_path
):
    """With two keys, and an export that is repeated as after a crash between the bucket and the note of it."""
    services = registry.state.services
    services.settings.audit_exports = [f"s3://{BUCKET}/heads"]
    await happened(registry, told, 1)
    await controller.export(services)
    write_key(key)
    await happened(registry, told, 2)
    usual = controller.queries.exported

    async def forgets(*_):
        raise RuntimeError("killed")

    controller.queries.exported = forgets
    with pytest.raises(RuntimeError):
        await controller.export(services)
    controller.queries.exported = usual
    assert await controller.export(services) == 1
    names = [item["path"] for page in bucket.list("heads") for item in page]
    for name in names:
        place = tmp_path / "copied" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes(bucket.get(name).bytes()))
    found = auditing.check(auditing.read(tmp_path / "copied"))
    assert len(found.statements) == len(names) >= 2
    assert len(found.keys) == 2


async def test_heads_are_signed_and_sent_by_themselves(backend, told, key, receiver):
    """By the service's own schedule: nobody asks for a signature or an export here."""
    places = {"audit_key_file": key, "audit_seconds": 0.05, "audit_exports": [receiver.url]}
    async with started(await backend(**places)) as app:
        async with caller(app, project="p") as client:
            assert (await client.post("/v1/decisions", json=told(1, "p"))).status_code in (200, 201)
        async with asyncio.timeout(60):
            while not any(_told(line) for line in parsed(receiver.bodies)):
                await asyncio.sleep(0.05)
    assert in_a_row(auditing.check(parsed(receiver.bodies)).statements)


def _told(line):
    """Whether a signed head covers a decision."""
    heads = json.loads(line.statement)["heads"]
    return "decisions" in heads and heads["decisions"]["count"] > 0
