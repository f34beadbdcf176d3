"""An auditor's pages: a long look goes on beside the page, what cannot be read is named, and nobody sees another's."""

import threading

import httpx
import pytest
from tests.sdk import examples

from millrace.auditing import Heads
from millrace_console.works import Work, Works
from millrace_contracts.audit import AuditFinding, AuditHead, AuditPart, AuditReport
from millrace_core.errors import Conflict

VERIFY, PAGE = "/p/default/audit/verify", "/p/default/audit"
REPORT = AuditReport(
    ok=True, checked={}, findings=[], heads=0, heads_through=None, heads_from="the service itself", keys=[]
)


def somebody(name="ada"):
    return f"a word of {name}"


def work():
    return Work("default", Heads(), "the service itself")


@pytest.fixture
def works():
    made = Works()
    yield made
    made.close()


def test_one_look_of_a_session_at_a_time_and_nobody_sees_anothers(works):
    ada, bob, go = somebody(), somebody("bob"), threading.Event()
    mine = work()
    begun = works.begin(ada, mine, lambda _: go.wait(10))
    with pytest.raises(Conflict, match="goes on already"):
        works.begin(ada, work(), lambda _: None)
    assert works.of(bob) is None
    go.set()
    begun.result(10)
    assert works.of(ada) is mine
    works.begin(ada, work(), lambda _: None).result(10)
    assert works.of(ada) is not mine


def test_a_look_ends_at_its_next_part_when_its_session_does(works):
    ada, told, go = somebody(), threading.Event(), threading.Event()
    mine = work()

    def do(it):
        it.tell("registry: links", 1)
        told.set()
        go.wait(10)
        it.tell("registry: links", 2)
        it.report = REPORT

    begun = works.begin(ada, mine, do)
    assert told.wait(10)
    works.stop(ada)
    go.set()
    begun.result(10)
    assert mine.report is None
    assert mine.ended is not None
    assert works.of(ada) is None


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda _: AuditPart.model_validate({"stage": 1}), "cannot be read as AuditPart: stage"),
        (lambda _: (_ for _ in ()).throw(httpx.ConnectError("gone")), "does not answer: ConnectError"),
        (lambda _: {}["nothing"], "It broke: KeyError"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_a_look_is_told_in_words(works, broken, words):
    mine = work()
    works.begin(somebody(), mine, broken).result(10)
    assert words in mine.failure
    assert mine.report is None


@pytest.fixture
def services(person):
    """Answers by path, of every service behind the console, for pages and for threads alike."""
    answers = {}

    def answer(request):
        status, body = answers.get(request.url.path, (404, {"title": "no", "detail": "There is none."}))
        return httpx.Response(status, json=body, request=request)

    for name in ("registry", "controller", "monitoring", "serving"):
        answers["/v1/ledger:head"] = (200, AuditHead(count=3, head="sha256:" + "0" * 64).model_dump())
        getattr(person.clients, name).api._client = httpx.AsyncClient(
            transport=httpx.MockTransport(answer), base_url="http://localhost"
        )
    answers["/v1/audit/heads"] = (200, [])
    answers["/v1/projects"] = (200, {"items": [], "next": None})
    return answers


async def test_who_may_not_see_every_chain_is_told_at_once_and_nothing_begins(signed, person, services, app):
    services["/v1/ledger:head"] = (403, {"title": "Forbidden", "detail": "This needs viewer everywhere."})
    answer = await signed.post(VERIFY, data={"csrf": person.csrf})
    assert answer.status_code == 403
    assert "This needs viewer everywhere." in answer.text
    assert app.state.services.works.of(person.csrf) is None


@pytest.mark.parametrize("heads", ["no json", '{"statement": "x", "signature": "y", "public_key": "z"}'])
async def test_heads_that_cannot_be_believed_are_refused_with_their_line(signed, person, services, heads):
    answer = await signed.post(VERIFY, data={"csrf": person.csrf, "heads": heads})
    assert answer.status_code == 422
    assert "signed head" in answer.text or "signature of this does not hold" in answer.text


async def test_what_was_found_stands_on_the_page_and_in_a_file_of_this_session_alone(
    signed, person, services, app, monkeypatch
):
    finding = AuditFinding(service="registry", row="alias_moves id=3", problem="it is <b>not</b> as it was")
    report = REPORT.model_copy(update={"ok": False, "findings": [finding]})

    def found(platform, heads, source, tell):
        tell("registry: links", 3)
        return report

    monkeypatch.setattr("millrace.auditing.verify", found)
    assert (await signed.post(VERIFY, data={"csrf": person.csrf})).status_code == 303
    app.state.services.works._threads.shutdown(wait=True)
    text = (await signed.get(PAGE)).text
    assert "1 thing does not hold" in text
    assert "alias_moves id=3" in text
    assert "<b>not</b>" not in text
    file = await signed.get(f"{PAGE}/files/verification")
    assert file.headers["content-disposition"] == 'attachment; filename="verification.json"'
    assert AuditReport.model_validate_json(file.content) == report
    assert (await signed.get(f"{PAGE}/files/archive")).status_code == 404
    assert (await signed.get("/p/other/audit/files/verification")).status_code == 404
    assert (await signed.post(f"{PAGE}/stop", data={"csrf": person.csrf})).status_code == 303
    assert "does not hold" not in (await signed.get(PAGE)).text


async def test_what_a_session_looked_at_goes_when_it_is_over_though_nobody_comes_by(
    signed, person, services, app, clock, monkeypatch
):
    monkeypatch.setattr("millrace.auditing.verify", lambda *_: REPORT)
    await signed.post(VERIFY, data={"csrf": person.csrf})
    app.state.services.works._threads.shutdown(wait=True)
    await app.state.services.people.close_over()
    assert app.state.services.works.of(person.csrf) is not None
    clock.now += app.state.services.settings.idle_hours * 3600 + 1
    await app.state.services.people.close_over()
    assert app.state.services.works.of(person.csrf) is None


async def test_an_answer_that_cannot_be_read_is_named_and_is_no_failure_of_the_console(
    signed, person, services
):
    services["/v1/lineage"] = (200, {"model": 5})
    services["/v1/models/sales/versions/1"] = (200, {"number": "first"})
    answer = await signed.get(f"{PAGE}/lineage", params={"loop": "sales", "version": 1})
    assert answer.status_code == 502
    assert "cannot be read" in answer.text
    assert "LineageRead" in answer.text or "ModelVersionRead" in answer.text


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("champion", {"loop": "sales", "at": "yesterday"}),
        ("champion", {"loop": "sales", "known": "2026-13-40"}),
        ("champion", {"loop": "../x"}),
        ("lineage", {"loop": "sales", "version": "one"}),
        ("request", {"id": ""}),
    ],
)
async def test_a_question_that_nobody_can_answer_is_refused_on_a_page(signed, services, what, query):
    answer = await signed.get(f"{PAGE}/{what}", params=query)
    assert answer.status_code == 422
    assert "<h1>" in answer.text


@pytest.mark.parametrize(
    ("question", "away"),
    [
        ("champion?loop=sales", "/v1/models/sales/aliases/champion/history"),
        ("request?loop=sales&id=r1", "/v1/monitors/sales/requests/r1"),
        ("request?id=r1", "/v1/loops"),
    ],
)
async def test_what_cannot_be_told_now_is_not_told_as_if_there_were_nothing(signed, services, question, away):
    services["/v1/loops/sales"] = (200, examples.loop())
    services[away] = (500, {"title": "Bug", "detail": "It broke."})
    answer = await signed.get(f"{PAGE}/{question}")
    assert answer.status_code == 503, answer.text
    assert "does not answer now" in answer.text
    assert "had no champion" not in answer.text
    assert "No row of it is kept" not in answer.text


async def test_a_loop_that_is_not_there_is_named_and_not_taken_for_one_without_a_champion(signed, services):
    services["/v1/loops/sales"] = (404, {"title": "Not found", "detail": "There is no loop sales."})
    answer = await signed.get(f"{PAGE}/champion", params={"loop": "sales"})
    assert answer.status_code == 404
    assert "There is no loop sales." in answer.text


REQUEST = "/v1/monitors/sales/requests/r1"
ROW = {
    "event_time": "2026-11-01T00:00:00Z", "at": "2026-11-01T00:00:01Z", "listener": "inference",
    "revision": "sales--r1", "key": "", "status": 200, "fault": None, "answer": 3.5, "label": None,
    "kept_in": "sha256:" + "1" * 64, "closed_day": None,
}  # fmt: skip
WHY = {
    "version": 4, "background": 9,
    "rows": [{
        "unit": "number", "of": None, "base": 2.0, "answer": 3.5, "method": "trees",
        "contributions": [
            {"column": "price", "contribution": 1.25, "error": None},
            {"column": "shop", "contribution": 25_312.5, "error": None},
        ],
    }],
}  # fmt: skip


async def test_a_request_is_shown_with_the_explanation_of_the_row_that_is_chosen(signed, services):
    rows = [ROW | {"index": at, "features": {"price": 46.1, "shop": None}} for at in (0, 1)]
    services[REQUEST] = (
        200,
        {"endpoint": "sales", "request_id": "r1", "classes": None, "rows": rows},
    )
    services[f"{REQUEST}/explanation"] = (200, WHY)
    text = (await signed.get(f"{PAGE}/request", params={"loop": "sales", "id": "r1"})).text
    for words in (
        "Why row 0 was answered so",
        "+1.25",
        "+25,312",
        "By version 4",
        "46.1",
        "missing",
        "row=1#why",
    ):
        assert words in text, words
    text = (await signed.get(f"{PAGE}/request", params={"loop": "sales", "id": "r1", "row": 1})).text
    assert "Why row 1 was answered so</h3>" in text


@pytest.mark.parametrize("refusal", [(409, "It is not explained."), (503, "monitoring does not answer now")])
async def test_a_request_that_cannot_be_explained_is_shown_all_the_same_with_the_reason(
    signed, services, refusal
):
    status, words = refusal
    rows = [ROW | {"index": 0, "features": {"price": 46.1}}]
    services[REQUEST] = (200, {"endpoint": "sales", "request_id": "r1", "classes": None, "rows": rows})
    services[f"{REQUEST}/explanation"] = (status, {"title": "no", "detail": "It is not explained."})
    answer = await signed.get(f"{PAGE}/request", params={"loop": "sales", "id": "r1"})
    assert answer.status_code == 200
    assert words in answer.text
    assert "46.1" in answer.text
