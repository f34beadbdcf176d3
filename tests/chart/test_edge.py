"""The TLS door, as a real Envoy with the chart's own configuration: TLS outside, each path to its service."""

import datetime
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.chart.rendering import case_objects, one

from millrace.client.api import Api
from millrace.transport.requests import Call, get

ENVOY = Path(sys.prefix) / "bin" / "envoy"
SERVICES = ("registry", "training", "serving", "monitoring", "controller", "gateway", "console")


class Echo(BaseHTTPRequestHandler):
    """Answers with the service it stands for, the host it was called by, and the path."""

    def do_GET(self):
        body = f"{self.server.part} {self.headers['host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder):
    """A certificate for localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "tls.key").write_bytes(pem)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """The door's URL and its metrics' URL; behind it stands an echo for each service."""
    if not ENVOY.exists():
        pytest.skip("envoy is not installed")
    folder = tmp_path_factory.mktemp("edge")
    certificate(folder)
    servers = {part: ThreadingHTTPServer(("127.0.0.1", 0), Echo) for part in SERVICES}
    calls = grpc.server(ThreadPoolExecutor(1), handlers=[Called()])
    calls_port = calls.add_insecure_port("127.0.0.1:0")
    calls.start()
    for part, server in servers.items():
        server.part = part
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {"8443": free_port(), "9902": free_port(), "9901": free_port()}
    files = one(case_objects("production"), "ConfigMap", "millrace-edge")["data"]
    for name, written in files.items():
        (folder / name).write_text(moved(written, folder, ports, servers, calls_port))
    command = [
        ENVOY,
        "-c",
        folder / "envoy.yaml",
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "error",
    ]
    process = subprocess.Popen(command)
    metrics = f"http://127.0.0.1:{ports['9902']}"
    await_ready(metrics)
    yield f"https://localhost:{ports['8443']}", metrics, ssl.create_default_context(cafile=folder / "tls.crt")
    process.terminate()
    process.wait(10)
    calls.stop(0)
    for server in servers.values():
        server.shutdown()


class Called(grpc.GenericRpcHandler):
    """Stands for the gateway's gRPC door: answers with the method and the host it was called by."""

    def service(self, call):
        host = dict(call.invocation_metadata).get("x-forwarded-proto")
        return grpc.unary_unary_rpc_method_handler(lambda *_: f"{host} {call.method}".encode())


def moved(written, folder, ports, servers, calls_port):
    """The configuration with this test's folder, ports and services in place of the cluster's."""
    for port, free in ports.items():
        written = written.replace(f"port_value: {port}", f"port_value: {free}")
    written, found, doors = written.partition("cluster_name: gateway-grpc")
    here = f"address: 127.0.0.1, port_value: {calls_port}"
    written += found + re.sub(r"address: millrace-gateway\S+, port_value: 8000", here, doors)
    for part, server in servers.items():
        address = rf"address: millrace-{part}\.millrace\.svc\.cluster\.local, port_value: 80[08]0"
        here = f"address: 127.0.0.1, port_value: {server.server_port}"
        written, count = re.subn(address, here, written)
        assert count == ("static_resources" in written)
    return written.replace("/etc/envoy", str(folder)).replace("/etc/tls", str(folder))


def await_ready(metrics):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{metrics}/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("Envoy did not become ready with the chart's configuration")


@pytest.mark.parametrize("part", SERVICES[:5])
def test_each_path_leads_to_its_service_under_the_name_it_answers_to(door, part):
    url, _, trust = door
    answer = httpx.get(f"{url}/{part}/v1/things?a=b", verify=trust, trust_env=False)
    assert answer.text == f"{part} millrace-{part} /v1/things?a=b"


def test_everything_else_is_inference(door):
    url, _, trust = door
    answer = httpx.get(f"{url}/v2/models/m/infer", verify=trust, trust_env=False)
    assert answer.text == "gateway millrace-gateway /v2/models/m/infer"


def test_the_console_has_a_host_of_its_own_and_is_told_by_which_it_was_called(door):
    """Its forms compare the page's origin with the host that they came to."""
    url, _, trust = door
    for host in ("console.example", "console.example:8443"):
        for path in ("/", "/p/default/loops", "/registry/v1/x"):
            answer = httpx.get(f"{url}{path}", verify=trust, trust_env=False, headers={"host": host})
            assert answer.text == f"console {host} {path}"


def test_the_clients_of_people_come_through_it_where_its_authority_is_their_companys(
    door, monkeypatch, tmp_path
):
    url, _, _ = door
    with pytest.raises(httpx.ConnectError):
        Api(f"{url}/registry").send(Call("GET", "/v1/things", retry=False))
    shown = ssl.get_server_certificate(("localhost", int(url.rpartition(":")[2])))
    (tmp_path / "ca.crt").write_text(shown)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    answer = Api(f"{url}/registry").send(get("/v1/things"))
    assert answer.content.startswith(b"registry millrace-registry /v1/things")


def test_calls_over_grpc_reach_the_gateways_door_for_them(door):
    url, _, _ = door
    port = int(url.rpartition(":")[2])
    shown = grpc.ssl_channel_credentials(ssl.get_server_certificate(("localhost", port)).encode())
    with grpc.secure_channel(f"localhost:{port}", shown) as channel:
        method = "/inference.GRPCInferenceService/ModelInfer"
        call = channel.unary_unary(method, lambda text: text, lambda text: text)
        assert call(b"asked", timeout=10) == f"https {method}".encode()


def test_a_path_cannot_climb_into_another_service(door):
    url, _, trust = door
    with httpx.Client(verify=trust, trust_env=False) as client:
        assert client.get(f"{url}/registry/%2e%2e/serving/v1/x").text.startswith(
            "serving millrace-serving /v1/x"
        )
        assert client.get(f"{url}/registry/..%2fserving/v1/x").status_code == 400


def test_plaintext_is_not_answered(door):
    url, _, _ = door
    with pytest.raises(httpx.TransportError):
        httpx.get(url.replace("https", "http"), trust_env=False)


def test_old_tls_is_refused(door):
    url, _, _ = door
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.TransportError):
        httpx.get(url, verify=old, trust_env=False)


def test_metrics_are_shown_and_the_admin_page_is_not(door):
    _, metrics, _ = door
    assert "envoy_http_downstream_rq" in httpx.get(f"{metrics}/stats/prometheus", trust_env=False).text
    assert httpx.get(f"{metrics}/config_dump", trust_env=False).status_code == 404
    assert httpx.post(f"{metrics}/ready", trust_env=False).status_code == 404
