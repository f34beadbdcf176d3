"""The asynchronous client: typed answers, a project per call, pages, streams, errors, and a second try."""

import inspect
from datetime import UTC, date, datetime

import httpx
import pytest

from millrace.aio import AsyncMillrace
from millrace.transport.address import SERVICES
from millrace.transport.errors import ApiError, NotRunning
from millrace_contracts.endpoints import EndpointWrite
from millrace_contracts.labels import LabelWrite
from millrace_contracts.loop import ModelLoop

NOW = "2026-05-04T03:02:01Z"
DATASET = {"name": "sales", "description": "", "latest": 2, "created_at": NOW}


@pytest.fixture
def platform():
    """A platform whose services answer as `platform.answer(request)` says; `platform.asked` is what was asked."""
    client = AsyncMillrace(dict.fromkeys(SERVICES, "http://x"), "mlr_test")
    client.asked, client.answer = [], lambda request: httpx.Response(200, json=DATASET)

    async def answer(request):
        content = await request.aread()
        client.asked.append((request.method, request.url, content))
        return client.answer(request)

    for service in SERVICES:
        api = getattr(client, service).api
        api._client = httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(answer))
    return client


async def test_an_answer_has_the_type_of_its_contract(platform):
    dataset = await platform.registry.dataset("sales")
    assert (dataset.latest, dataset.created_at) == (2, datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC))


async def test_a_call_is_of_the_clients_project_unless_it_names_another(platform):
    await platform.registry.dataset("sales")
    await platform.registry.dataset("sales", project="other")
    assert [url.params["project"] for _, url, _ in platform.asked] == ["default", "other"]


async def test_what_is_left_out_of_a_body_is_not_sent(platform):
    platform.answer = lambda request: httpx.Response(422, json={"title": "seen"})
    with pytest.raises(ApiError):
        await platform.serving.put_endpoint("sales", EndpointWrite(model="sales"))
    assert platform.asked[0][2] == b'{"model":"sales"}'


async def test_a_loop_is_sent_in_the_words_of_its_document(platform):
    spec = {"task": "binary", "target": "y", "data": {"dataset": "sales", "eventTime": "at"}}
    document = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "sales"}}
    platform.answer = lambda request: httpx.Response(422, json={"title": "seen"})
    with pytest.raises(ApiError):
        await platform.controller.apply(ModelLoop.model_validate(document | {"spec": spec}))
    method, url, content = platform.asked[0]
    assert (method, url.path) == ("PUT", "/v1/loops/sales")
    assert b'"eventTime":"at"' in content


async def test_every_page_of_a_list_is_read(platform):
    def page(request):
        last = request.url.params.get("cursor") == "c1"
        return httpx.Response(200, json={"items": [DATASET], "next": None if last else "c1"})

    platform.answer = page
    assert [item.name for item in await platform.registry.datasets()] == ["sales", "sales"]


async def test_days_and_instants_are_sent_in_iso_8601(platform):
    platform.answer = lambda request: httpx.Response(200, json=[])
    assert await platform.monitoring.closings("sales", since=date(2026, 5, 4)) == []
    assert platform.asked[0][1].params["since"] == "2026-05-04"


async def test_labels_go_in_as_many_requests_as_they_need(platform):
    known = {"new": 20_000, "corrected": 0, "unchanged": 0, "labelled": 7}
    platform.answer = lambda request: httpx.Response(200, json=known)
    labels = [LabelWrite(request_id=f"r{number}", value=1, at=datetime.now(UTC)) for number in range(20_001)]
    told = await platform.monitoring.push_labels("sales", labels, datetime(2026, 5, 4, tzinfo=UTC))
    assert (len(platform.asked), told.new, told.labelled) == (2, 40_000, 7)
    assert [b'"complete_through":null' in content for _, _, content in platform.asked] == [True, False]


async def test_refused_labels_are_told_by_their_place_among_all_that_were_sent(platform):
    refusal = {"place": 3, "value": "x", "reason": "is no number"}
    counts = {"new": 0, "corrected": 0, "unchanged": 0, "labelled": 7}
    platform.answer = lambda request: httpx.Response(
        200, json=counts | {"refused": 15, "refusals": [refusal] * 15}
    )
    labels = [LabelWrite(request_id="r", value=1, at=datetime.now(UTC))] * 20_001
    told = await platform.monitoring.push_labels("sales", labels)
    assert (told.refused, len(told.refusals)) == (30, 20)
    assert {refusal.place for refusal in told.refusals} == {3, 20_003}


async def test_a_refusal_says_what_and_where(platform):
    problem = {"title": "Not found", "detail": "there is no dataset sales", "instance": "r-1"}
    platform.answer = lambda request: httpx.Response(404, json=problem)
    with pytest.raises(ApiError, match="404 there is no dataset sales") as refused:
        await platform.registry.dataset("sales")
    assert (refused.value.status, refused.value.request_id) == (404, "r-1")


async def test_a_service_that_is_not_ready_yet_is_asked_again(platform):
    answers = [httpx.Response(503, json={"title": "starting"}), httpx.Response(200, json=DATASET)]
    platform.answer = lambda request: answers.pop(0)
    assert (await platform.registry.dataset("sales")).name == "sales"


async def test_a_batch_that_must_wait_is_sent_again_under_its_key_after_the_time_it_is_told(
    platform, monkeypatch
):
    kept = {"rows": 1, "unreadable": 0, "repeated": False, "number": 1}
    full = httpx.Response(429, json={"title": "full"}, headers={"retry-after": "7"})
    answers, waits = [full, httpx.Response(202, json=kept)], []

    async def wait(seconds):
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", wait)
    asked = []

    def answer(request):
        asked.append((request.headers["idempotency-key"], request.content))
        return answers.pop(0)

    platform.answer = answer
    assert (await platform.training.stream_rows("shop", [{"n": 1}], "till-1")).number == 1
    assert (waits, asked) == ([7], [("till-1", b'{"n":1}')] * 2)


async def test_what_may_not_be_repeated_is_asked_once(platform):
    platform.answer = lambda request: httpx.Response(503, json={"title": "starting"})
    with pytest.raises(ApiError, match="503 starting"):
        await platform.registry.put_artifact(b"rows", retry=False)
    assert len(platform.asked) == 1


async def test_a_file_is_sent_in_pieces_and_an_artifact_read_in_pieces(platform, tmp_path):
    stored = {"digest": "sha256:0", "size": 4, "media_type": "text/csv", "created_at": NOW}
    platform.answer = lambda request: httpx.Response(201, json=stored)
    (tmp_path / "rows.csv").write_bytes(b"rows" * 700_000)
    assert await platform.registry.put_artifact(tmp_path / "rows.csv") == "sha256:0"
    assert platform.asked[0][2] == b"rows" * 700_000
    platform.answer = lambda request: httpx.Response(200, content=b"bytes")
    assert b"".join([part async for part in platform.registry.artifact_chunks("sha256:0")]) == b"bytes"


async def test_events_come_as_they_are_sent(platform):
    stream = 'event: progress\ndata: {"step": "read"}\n\nevent: end\ndata: {}\n\n'
    platform.answer = lambda request: httpx.Response(
        200, text=stream, headers={"content-type": "text/event-stream"}
    )
    names = [event.name async for event in platform.training.events("0" * 32)]
    assert names == ["progress", "end"]


def test_a_service_whose_url_is_not_known_is_missed_by_name():
    with pytest.raises(NotRunning, match="MILLRACE_SERVING_URL"):
        _ = AsyncMillrace({"registry": "http://x"}, "").serving


@pytest.mark.parametrize("service", SERVICES)
def test_every_method_of_a_client_says_what_it_does_and_is_typed(platform, service):
    for name, method in inspect.getmembers(type(getattr(platform, service)), inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.getdoc(method), name
            signature = inspect.signature(method)
            assert signature.return_annotation is not inspect.Signature.empty, name
            assert "Any" not in str(signature), name
