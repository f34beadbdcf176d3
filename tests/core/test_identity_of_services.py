"""Every door of a service knows a signed token: REST, Envoy's discovery and the gRPC receiver; clients renew theirs."""

import os
import time
from types import SimpleNamespace

import grpc
import httpx
import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceStub,
)

from millrace.aio.api import AsyncApi
from millrace.client import Millrace
from millrace.client.api import Api
from millrace.transport.requests import get
from millrace.transport.tokens import TokenFile
from millrace_core.auth import Tokens
from millrace_monitoring.ingest.receiver import Receiver
from millrace_serving.main import ServingSettings, build

from .fake_issuer import issuing, token

GATEWAY = "system:serviceaccount:millrace:millrace-gateway"
ROLES = [{"subject": GATEWAY, "role": "gateway"}, {"subject": "ada", "role": "viewer"}]


@pytest.fixture
def issuers(tmp_path):
    with issuing(tmp_path, ROLES) as path:
        yield path


def bearer(shown):
    return {"authorization": f"Bearer {shown}"}


def test_envoys_polls_show_the_token_of_its_service_account(issuers, tmp_path):
    settings = ServingSettings(home=tmp_path, issuers_file=issuers, data_plane=False)
    with TestClient(build(settings), base_url="http://localhost") as client:

        def status(shown, body=b"{"):
            path = "/v3/discovery:clusters"
            return client.post(path, content=body, headers=bearer(shown)).status_code

        assert status(token(sub=GATEWAY)) == 422, "let in; the body is no JSON"
        assert status(token(sub="ada")) == 403
        assert status(token(sub="eve")) == 401
        assert status(token(sub=GATEWAY, aud="kubernetes")) == 401


async def test_the_log_receiver_knows_a_token_in_metadata(issuers):
    taken = []

    async def offer(request):
        taken.append(request)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (Receiver(SimpleNamespace(offer=offer), Tokens(None, issuers)).handler(),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

        async def export(shown):
            metadata = (("authorization", f"Bearer {shown}"),)
            return await LogsServiceStub(channel).Export(ExportLogsServiceRequest(), metadata=metadata)

        assert await export(token(sub=GATEWAY)) == ExportLogsServiceResponse()
        for refused in (token(sub="ada"), token(sub=GATEWAY, exp=int(time.time()) - 60), "nonsense"):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await export(refused)
            assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
    await server.stop(None)
    assert len(taken) == 1


@pytest.fixture
def renewed(tmp_path):
    """A projected token: the kubelet swaps a link."""
    link = tmp_path / "token"

    def renew(text):
        file = tmp_path / f"token-{text}"
        file.write_text(f"{text}\n")
        os.symlink(file, tmp_path / "next")
        os.replace(tmp_path / "next", link)
        return link

    return renew


async def test_both_clients_show_the_token_that_the_file_holds_now(renewed):
    shown = []

    def answer(request):
        shown.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    file = TokenFile(renewed("one"))
    api, other = Api("http://x", file), AsyncApi("http://x", file)
    api._client = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    other._client = httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(answer))
    api.send(get("/"))
    renewed("two")
    api.send(get("/"))
    await other.send(get("/"))
    assert shown == ["Bearer one", "Bearer two", "Bearer two"]


def test_a_program_in_a_pod_needs_no_more_than_its_environment(renewed, monkeypatch):
    monkeypatch.setenv("MILLRACE_REGISTRY_URL", "http://registry:8080")
    monkeypatch.setenv("MILLRACE_TOKEN_FILE", str(renewed("one")))
    found = Millrace.from_environment().registry.api.token
    assert found() == "one"
    renewed("two")
    assert found() == "two"
