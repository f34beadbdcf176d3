"""The commands against a platform that answers as prepared: what is asked, what is shown, what is said on refusal."""

import json

import pytest
import typer
import yaml

from millrace import label_batches
from millrace.cli import answers, asking, backtesting

from . import examples

RUN = examples.run(
    number=2, state="promoted", cause={"kind": "hand", "reason": "a person asked"}, version=2, rollout=1,
    steps={"train": {"state": "succeeded", "message": "12 trials", "job": "j1"}}, verdict=examples.gates(),
    ended_at="2026-05-04T00:01:00Z",
)  # fmt: skip
LOOP = examples.loop(
    champion=2, archive=[1], run=RUN, document={"spec": {"target": "revenue", "data": {"dataset": "shop"}}}
)
ENDPOINT = examples.endpoint(revisions=[examples.revision(2, weight=10000), examples.revision(1)])
ALARM = examples.alarm()
SHOP = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "shop"},
    "spec": {"task": "regression", "target": "revenue", "data": {"dataset": "shop"}},
}
DOCUMENT = """\
apiVersion: millrace.dev/v1alpha1
kind: ModelLoop
metadata: {name: shop}
spec: {task: regression, target: revenue, data: {dataset: shop}}
"""


def prepared(fake):
    fake.answers |= {
        "GET /v1/loops": (200, [LOOP]),
        "GET /v1/loops/shop": (200, LOOP),
        "GET /v1/loops/shop/runs": (200, [RUN]),
        "GET /v1/loops/shop/runs/2": (200, RUN),
        "GET /v1/endpoints": (200, [ENDPOINT]),
        "GET /v1/endpoints/shop": (200, ENDPOINT),
        "GET /v1/alarms": (200, [ALARM]),
    }
    return fake


def loads(text):
    return json.loads(text)


@pytest.mark.parametrize("words", ["loops", "runs", "endpoints", "alarms"])
@pytest.mark.parametrize(("form", "parse"), [("json", loads), ("yaml", yaml.safe_load)])
def test_lists_are_data_for_programs(fake, millrace, words, form, parse):
    prepared(fake)
    done = millrace(words, "list", "-o", form)
    assert (done.code, done.stderr) == (0, "")
    assert len(parse(done.stdout)) == 1


def test_lists_are_tables_for_people(fake, millrace):
    prepared(fake)
    assert "promoted" in millrace("loops", "list").stdout
    assert "r2 100%, r1 loaded" in millrace("endpoints", "list").stdout
    assert "1.5 times" in millrace("alarms", "list").stdout
    assert "revenue" in millrace("loops", "show", "shop").stdout


def test_another_form_than_the_base_form_is_named_where_revisions_are(fake, millrace):
    told = {"nodes": [], "reason": "Fastest", "message": "It is 3 times as fast.", "wants": []}
    forms = [told | {"target": target} for target in ("ort-cpu-int8", "ort-cpu-fp32")]
    revisions = [examples.revision(2, weight=10000, form=forms[0]), examples.revision(1, form=forms[1])]
    prepared(fake).answers |= {
        "GET /v1/endpoints": (200, [examples.endpoint(revisions=revisions)]),
        "GET /v1/endpoints/shop": (200, examples.endpoint(revisions=revisions)),
    }
    assert "r2 100% ort-cpu-int8, r1 loaded" in millrace("endpoints", "list").stdout
    shown = millrace("endpoints", "show", "shop").stdout
    assert "ort-cpu-int8" in shown
    assert "It is 3 times as fast." in shown


def test_what_a_pod_waits_for_is_in_every_list_and_view(fake, millrace):
    waits = {"reason": "QuotaExceeded", "message": "exceeded quota: team-a"}
    run = RUN | {"state": "running", "waiting": waits, "ended_at": None}
    job = examples.job(state="running", waiting=waits)
    prepared(fake).answers |= {
        "GET /v1/loops": (200, [LOOP | {"run": run}]),
        "GET /v1/loops/shop": (200, LOOP | {"run": run}),
        "GET /v1/loops/shop/runs": (200, [run]),
        "GET /v1/jobs": (200, [job]),
    }
    for words in (("loops", "list"), ("runs", "list"), ("jobs", "list"), ("loops", "show", "shop")):
        assert "QuotaExceeded" in millrace(*words).stdout, words
    told = millrace("watch", "shop", "--once").stdout
    assert "waits: QuotaExceeded: exceeded quota: team-a" in told


def test_an_alarm_is_silenced_for_a_while_with_a_reason(fake, millrace):
    fake.answers[f"POST /v1/alarms/{ALARM['id']}:silence"] = (
        200,
        ALARM | {"silenced_until": "2026-05-07T00:00:00Z"},
    )
    prepared(fake)
    asked = ("alarms", "silence", "1f0c6a52", "--reason", "rebuilding")
    assert "Nobody is told of performance of shop" in millrace(*asked, "--for", "3d").stdout
    assert "Until when?" in millrace(*asked).stderr
    assert "Until when?" in millrace(*asked, "--for", "3d", "--until", "2026-05-07").stderr
    assert "Write it like 12h or 3d" in millrace(*asked, "--for", "soon").stderr


def test_an_alarm_is_found_by_the_beginning_of_its_id(fake, millrace):
    second = ALARM | {"id": "1f0c6a53-0000-0000-0000-000000000000"}
    fake.answers["GET /v1/alarms"] = (200, [ALARM, second])
    assert json.loads(millrace("alarms", "show", "1f0c6a52", "-o", "json").stdout) == ALARM
    assert "begins 2 alarms" in millrace("alarms", "show", "1f").stderr
    assert "no alarm" in millrace("alarms", "show", "ff").stderr


def test_an_empty_list_says_what_to_do(fake, millrace):
    fake.answers["GET /v1/loops"] = (200, [])
    assert "millrace init" in millrace("loops", "list").stderr
    assert json.loads(millrace("loops", "list", "-o", "json").stdout) == []


def test_a_refusal_is_told_with_every_mistake(fake, millrace):
    errors = [{"where": "rows[0].price", "what": "is text", "mend": "send a number"}]
    fake.answers["POST /v1/endpoints/shop:predict"] = (
        422,
        {"title": "Bad input", "status": 422, "detail": "the rows do not fit", "errors": errors},
    )
    done = millrace("predict", "shop", "--row", '{"price": "dear"}')
    assert (done.code, done.stdout) == (1, "")
    assert "the rows do not fit" in done.stderr
    assert "rows[0].price: is text; send a number" in done.stderr


def test_a_loop_that_serves_nothing_yet_says_where_to_look_however_the_rows_come(fake, millrace, tmp_path):
    detail = "The endpoint shop serves no revision yet."
    fake.answers["POST /v1/endpoints/shop:predict"] = (
        409,
        {"title": "Conflict", "status": 409, "detail": detail},
    )
    fake.answers["GET /v1/endpoints/shop"] = (200, ENDPOINT | {"stable": None, "stable_version": None})
    (tmp_path / "rows.csv").write_text("price\n1\n")
    told = [
        millrace("predict", "shop", *rows) for rows in (("--row", "{}"), ("--rows", tmp_path / "rows.csv"))
    ]
    assert told[0].stderr == told[1].stderr
    assert "'millrace watch shop'" in told[0].stderr
    assert {one.code for one in told} == {1}


@pytest.mark.parametrize(("status", "told"), [(401, "token"), (403, "token"), (404, "list")])
def test_a_refusal_without_details_comes_with_a_remedy(fake, millrace, status, told):
    fake.answers["GET /v1/loops/shop"] = (status, {"title": "No", "status": status, "detail": "no"})
    done = millrace("loops", "show", "shop")
    assert done.code == 1
    assert told in done.stderr


def test_without_a_platform_it_says_how_to_start_one(nowhere, millrace):
    done = millrace("loops", "list")
    assert done.code == 3
    assert "millrace up" in done.stderr


def test_a_platform_that_was_killed_is_not_running(nowhere, millrace):
    (nowhere / "run").mkdir(parents=True)
    record = {"urls": {"controller": "http://127.0.0.1:1"}, "token": "t", "pid": 2**22 + 1, "started": 1.0}
    (nowhere / "run" / "platform.json").write_text(json.dumps(record))
    assert millrace("loops", "list").code == 3


def test_rows_are_predicted_and_numbered(fake, millrace, tmp_path):
    prepared(fake)
    answer = {"request_id": "q1", "version": 2, "revision": "shop--r2", "predictions": [1.5, 2.5]}
    fake.answers["POST /v1/endpoints/shop:predict"] = (200, answer)
    category = examples.tensor("shop", datatype="BYTES", kind="category")
    outputs = [{"name": "prediction", "datatype": "FP32"}]
    signature = {"inputs": [examples.tensor("price"), category], "outputs": outputs}
    fake.answers["GET /v1/models/shop/versions/2"] = (200, examples.version(signature=signature))
    path = tmp_path / "rows.csv"
    path.write_text("price,shop,revenue\n1.5,A,\n,B,7\n")
    done = millrace("predict", "shop", "--rows", path, "--key", "k", "-o", "json")
    assert [(item["index"], item["prediction"]) for item in json.loads(done.stdout)] == [(0, 1.5), (1, 2.5)]
    sent = json.loads(next(body for what, _, body in fake.seen if what.endswith(":predict")))
    assert sent["rows"] == [{"price": 1.5, "shop": "A"}, {"price": None, "shop": "B"}]
    assert sent["key"] == "k"
    assert "left out: revenue" in done.stderr


def test_rows_of_a_file_happen_at_the_loops_own_event_time_and_are_written_as_its_data(
    fake, millrace, tmp_path
):
    prepared(fake)
    answer = {"request_id": "q1", "version": 2, "revision": "shop--r2", "predictions": [1.5]}
    fake.answers["POST /v1/endpoints/shop:predict"] = (200, answer)
    signature = {
        "inputs": [examples.tensor("price")],
        "outputs": [{"name": "prediction", "datatype": "FP32"}],
        "timezone": "Europe/Berlin",
    }
    made = {"dataset": "shop", "dataset_version": 3}
    fake.answers["GET /v1/models/shop/versions/2"] = (
        200,
        examples.version(signature=signature, lineage=made),
    )
    contract = {
        "columns": [{"name": "price", "type": "number"}, {"name": "sold_at", "type": "timestamp"}],
        "event_time": "sold_at",
        "dialect": {"decimal": ",", "thousands": "."},
    }
    moment = "2024-06-01T00:00:00Z"
    fake.answers["GET /v1/datasets/shop/versions/3"] = (
        200,
        {
            "dataset": "shop", "number": 3, "parent": None, "digest": "sha256:" + "0" * 64, "files": [],
            "schema": [], "profile": {}, "contract": contract, "rows": 1, "first_event": None, "last_event": None,
            "source": {"kind": "file", "name": "a.csv", "digest": "sha256:" + "0" * 64}, "created_at": moment,
        },
    )  # fmt: skip
    path = tmp_path / "rows.csv"
    path.write_text("price;sold_at\n1,234;2024-06-01\n2,5;2024-06-02\n")
    done = millrace("predict", "shop", "--rows", path, "-o", "json")
    assert done.code == 0, done.stderr
    sent = [json.loads(body) for what, _, body in fake.seen if what.endswith(":predict")]
    assert [row for request in sent for row in request["rows"]] == [{"price": 1.234}, {"price": 2.5}]
    assert [request["event_time"] for request in sent] == ["2024-05-31T22:00:00Z", "2024-06-01T22:00:00Z"]


def asked_in_parts(monkeypatch, tmp_path, fake, rows=5):
    """A file of which two rows are asked for at once, and two are printed at once; an answer is ten prices."""
    monkeypatch.setattr(asking, "CONTENT", 2)
    monkeypatch.setattr(answers, "AT_ONCE", 2)
    prepared(fake)
    signature = {
        "inputs": [examples.tensor("price")],
        "outputs": [{"name": "prediction", "datatype": "FP32"}],
    }
    fake.answers["GET /v1/models/shop/versions/2"] = (200, examples.version(signature=signature))
    fake.answers["POST /v1/endpoints/shop:predict"] = (200, ten_times)
    path = tmp_path / "rows.csv"
    path.write_text("price\n" + "".join(f"{row}\n" for row in range(rows)))
    return path


def ten_times(body):
    prices = [row["price"] for row in json.loads(body)["rows"]]
    made = {"request_id": f"q{prices[0]:.0f}", "version": 2, "revision": "shop--r2"}
    return made | {"predictions": [10 * price for price in prices]}


def test_answers_are_one_list_however_many_requests_they_take(fake, millrace, tmp_path, monkeypatch):
    path = asked_in_parts(monkeypatch, tmp_path, fake)
    told = {
        form: millrace("predict", "shop", "--rows", path, "-o", form) for form in ("json", "yaml", "table")
    }
    listed = json.loads(told["json"].stdout)
    assert [(row["request_id"], row["index"], row["prediction"]) for row in listed] == [
        ("q0", 0, 0.0), ("q0", 1, 10.0), ("q2", 0, 20.0), ("q2", 1, 30.0), ("q4", 0, 40.0),
    ]  # fmt: skip
    assert told["json"].stdout == json.dumps(listed, indent=2) + "\n"
    assert yaml.safe_load(told["yaml"].stdout) == listed
    lines = told["table"].stdout.splitlines()
    assert lines[0].split() == ["PREDICTION", "VERSION", "REQUEST", "ID", "INDEX"]
    assert [line.split() for line in lines[1:]] == [
        [f"{row['prediction']:g}", "2", row["request_id"], str(row["index"])] for row in listed
    ]
    assert len({line.index("2  ") for line in lines[1:2] + lines[3:4]}) == 1


def test_a_file_of_which_a_request_fails_stops_there_and_says_how_many_rows_were_answered(
    fake, millrace, tmp_path, monkeypatch
):
    def answer(body):
        if b"3.0" in body:
            fake.answers["POST /v1/endpoints/shop:predict"] = (
                422,
                {"title": "No", "status": 422, "detail": "no"},
            )
        return ten_times(body)

    path = asked_in_parts(monkeypatch, tmp_path, fake, rows=7)
    fake.answers["POST /v1/endpoints/shop:predict"] = (200, answer)
    done = millrace("predict", "shop", "--rows", path, "-o", "json")
    assert done.code == 1
    assert [row["prediction"] for row in json.loads(done.stdout)] == [0, 10, 20, 30]
    assert "4 of 7 rows were answered; they are printed." in done.stderr


def test_no_row_is_asked_for_of_a_file_with_a_cell_that_is_none_at_its_end(
    fake, millrace, tmp_path, monkeypatch
):
    path = asked_in_parts(monkeypatch, tmp_path, fake)
    path.write_text(path.read_text() + "dear\n")
    done = millrace("predict", "shop", "--rows", path, "--row", '{"price": 1}')
    assert (done.code, done.stdout) == (1, "")
    assert "1 cell of 'price' is no number: row 6: 'dear'." in done.stderr
    assert not [what for what, _, _ in fake.seen if what.endswith(":predict")]


@pytest.mark.parametrize("row", ["{", "[1]", "3"])
def test_a_row_that_is_no_object_is_refused_before_anything_is_sent(fake, millrace, row):
    done = millrace("predict", "shop", "--row", row)
    assert done.code == 1
    assert "--row is not" in done.stderr
    assert fake.seen == []


def test_labels_are_sent_as_read(fake, millrace, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("request_id,index,value,at\nq1,1,3.5,2026-05-04T00:00:00Z\n")
    fake.answers["POST /v1/monitors/shop/labels"] = (
        200,
        {"new": 1, "corrected": 0, "unchanged": 2, "labelled": 1, "repeated": 2, "unmatched": 1},
    )
    done = millrace("labels", "push", "shop", path, "--complete-through", "2026-05-05T00:00:00Z")
    assert "1 new, 0 corrected, 2 repeated; 0 belong to a row that is known so far, 1 to none" in done.stdout
    sent = json.loads(fake.seen[-1][2])
    assert sent["complete_through"] == "2026-05-05T00:00:00Z"
    assert sent["labels"][0]["value"] == "3.5"


def test_labels_of_a_number_are_read_as_the_loops_data_is(fake, millrace, tmp_path):
    (tmp_path / "labels.csv").write_text("request_id;value\nq1;1.234\nq2;52\n")
    columns = [{"name": "revenue", "type": "number"}]
    contract = {"columns": columns, "target": "revenue", "dialect": {"decimal": ",", "thousands": "."}}
    fake.answers |= {
        "GET /v1/loops/shop": (200, examples.loop(document=SHOP)),
        "GET /v1/datasets/shop/versions/latest": (200, examples.dataset_version(contract=contract)),
        "POST /v1/monitors/shop/labels": (200, {"new": 2, "corrected": 0, "unchanged": 0, "labelled": 2}),
    }
    assert millrace("labels", "push", "shop", tmp_path / "labels.csv").code == 0
    assert [label["value"] for label in json.loads(fake.seen[-1][2])["labels"]] == ["1234.0", "52.0"]


def test_refused_labels_are_told_one_by_one_and_the_command_fails(fake, millrace, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "request_id,index,value,at\nq1,0,yes,2026-05-04T00:00:00Z\nq2,1,hm,2026-05-04T00:00:00Z\n"
    )
    refusals = [{"place": 1, "value": "hm", "reason": "is none of the classes no, yes"}]
    counts = {"new": 1, "corrected": 0, "unchanged": 0, "labelled": 1}
    fake.answers["POST /v1/monitors/shop/labels"] = (200, counts | {"refused": 3, "refusals": refusals})
    done = millrace("labels", "push", "shop", path)
    assert "2 labels: 1 new, 0 corrected, 3 refused" in done.stdout
    assert "request q2, row 1: 'hm' is none of the classes no, yes" in done.stderr
    assert "and 2 more" in done.stderr
    assert done.code == 1


def in_batches(monkeypatch, tmp_path, fake, answer):
    """Five labels in batches of two, which monitoring answers as *answer* says of their request ids."""
    monkeypatch.setattr(label_batches, "BATCH", 2)
    path = tmp_path / "labels.csv"
    path.write_text("request_id,value\n" + "".join(f"q{place},{place}\n" for place in range(5)))
    fake.answers["POST /v1/monitors/shop/labels"] = (200, answer)
    return path


def counted(body):
    """What monitoring says of labels: those with an odd value are refused, the others new."""
    labels = json.loads(body)["labels"]
    odd = [place for place, label in enumerate(labels) if int(label["value"]) % 2]
    told = [{"place": place, "value": labels[place]["value"], "reason": "is odd"} for place in odd]
    good = len(labels) - len(odd)
    counts = {
        "new": good,
        "corrected": 0,
        "unchanged": 0,
        "matched": good,
        "refused": len(odd),
        "labelled": 9,
    }
    return counts | {"refusals": told}


def test_labels_in_batches_add_up_and_the_last_one_says_how_far_they_are_complete(
    fake, millrace, tmp_path, monkeypatch
):
    path = in_batches(monkeypatch, tmp_path, fake, counted)
    done = millrace("labels", "push", "shop", path, "--complete-through", "2026-05-05T00:00:00Z")
    assert "5 labels: 3 new, 0 corrected, 2 refused; 3 belong to a row that is known so far" in done.stdout
    assert "request q1, row 0: '1' is odd\n  request q3, row 0: '3' is odd\n" in done.stderr
    sent = [json.loads(body) for what, _, body in fake.seen if what.endswith("/labels")]
    assert [len(body["labels"]) for body in sent] == [2, 2, 1]
    assert [body.get("complete_through") for body in sent] == [None, None, "2026-05-05T00:00:00Z"]


def test_nothing_is_sent_of_a_file_with_a_line_that_is_no_label_wherever_it_stands(
    fake, millrace, tmp_path, monkeypatch
):
    path = in_batches(monkeypatch, tmp_path, fake, counted)
    path.write_text(path.read_text() + "q5,\n")
    done = millrace("labels", "push", "shop", path)
    assert (done.code, fake.seen) == (1, [])
    assert "labels.csv:7: request_id and value are needed" in done.stderr


def test_labels_that_were_sent_before_one_could_not_be_are_told(fake, millrace, tmp_path, monkeypatch):
    def answer(body):
        if "q2" in body.decode():
            fake.answers["POST /v1/monitors/shop/labels"] = (
                409,
                {"title": "No", "status": 409, "detail": "no"},
            )
        return counted(body)

    path = in_batches(monkeypatch, tmp_path, fake, answer)
    done = millrace("labels", "push", "shop", path)
    assert done.code == 1
    assert "4 of 5 labels: 2 new, 0 corrected, 2 refused; 2 belong" in done.stderr
    assert "Send the file again" in done.stderr


def test_a_loop_with_mistakes_is_not_sent(fake, millrace, tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(DOCUMENT.replace("regression", "ranking"))
    done = millrace("apply", "-f", path)
    assert done.code == 1
    assert f"{path}:4: spec.task:" in done.stderr
    assert fake.seen == []


def test_a_loop_whose_first_data_is_missing_is_not_sent(fake, millrace, tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(DOCUMENT.replace("dataset: shop", "dataset: shop, source: {path: gone.csv}"))
    done = millrace("apply", "-f", path)
    assert "there is no file" in done.stderr
    assert fake.seen == []


def test_a_declared_loop_tells_what_comes_next(fake, millrace, tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(DOCUMENT)
    fake.answers["PUT /v1/loops/shop"] = (200, LOOP | {"run": None})
    done = millrace("apply", "-f", path, "--wait", "0")
    assert done.code == 0, done.stderr
    assert "millrace data push shop" in done.stdout
    sent = json.loads(next(body for what, _, body in fake.seen if what == "PUT /v1/loops/shop"))
    assert sent["spec"]["switchBack"]["rest"] == "14d"


def test_refused_data_is_reported_check_by_check(fake, millrace, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("price\n-1\n")
    check = {"check": "range", "column": "price", "verdict": "failed", "observed": "1 row below 0", "rows": 1,
             "allowed": "0 to 9", "examples": ["row 1: -1"], "mend": "Look where they come from."}  # fmt: skip
    result = {
        "accepted": False,
        "dataset_version": None,
        "report": {"rows": 1, "checks": [check]},
        "quarantine": 7,
        "reason": "it was refused",
    }
    job = examples.job(id="j1", kind="ingest", result=result)
    prepared(fake).answers |= {
        "GET /v1/loops/shop": (200, LOOP | {"document": SHOP}),
        "POST /v1/artifacts": (201, examples.artifact()),
        "POST /v1/jobs": (201, job),
        "GET /v1/jobs/j1": (200, job),
        "POST /v1/loops/shop:wake": (200, {}),
    }
    done = millrace("data", "push", "shop", path)
    assert done.code == 1
    for told in (
        "new.csv is refused",
        "range price: 1 row below 0 (allowed: 0 to 9)",
        "row 1: -1",
        "quarantine",
    ):
        assert told in done.stderr


def test_steering_says_what_was_done(fake, millrace):
    prepared(fake)
    for verb in ("pause", "resume", "retrain", "rollback"):
        fake.answers[f"POST /v1/loops/shop:{verb}"] = (200, RUN if verb == "retrain" else LOOP)
    fake.answers["DELETE /v1/loops/shop"] = (200, LOOP)
    assert "paused" in millrace("pause", "shop").stdout
    assert "goes on" in millrace("resume", "shop").stdout
    assert "Run 2" in millrace("retrain", "shop", "--search").stdout
    assert json.loads(fake.seen[-1][2])["search"] is True
    assert "version 2" in millrace("rollback", "shop", "--to", "2", "--reason", "complaints").stdout
    sent = json.loads(fake.seen[-1][2])
    assert (sent["to"], sent["reason"]) == (2, "complaints")
    assert sent["key"]


def test_a_loop_is_deleted_only_after_a_yes(fake, millrace):
    fake.answers["DELETE /v1/loops/shop"] = (200, LOOP)
    assert millrace("delete", "shop", input="n\n").code == 1
    assert fake.seen == []
    assert millrace("delete", "shop", "--yes").code == 0
    assert fake.seen[-1][0] == "DELETE /v1/loops/shop"


def test_capabilities_say_what_is_used_and_why_not(fake, millrace):
    part = {"found": True, "used": False, "detail": "its multi-user mode is not supported"}
    others = ("kuberay", "kueue", "gpu", "prometheus_operator", "gateway_api")
    found = {"platform": "kubernetes", "pipelines": "job"} | dict.fromkeys(
        ("kubeflow_pipelines", *others), part
    )
    fake.answers["GET /v1/capabilities"] = (200, found)
    shown = millrace("capabilities").stdout
    assert "kubernetes" in shown
    assert "multi-user mode is not supported" in shown
    assert loads(millrace("capabilities", "-o", "json").stdout) == found


def test_watching_once_tells_how_the_loop_stands(fake, millrace):
    prepared(fake)
    done = millrace("watch", "shop", "--once")
    assert done.code == 0
    for told in (
        "run 2 is opened: a person asked",
        "train: succeeded: 12 trials",
        "version 2 is in production",
    ):
        assert told in done.stdout


def test_watching_ends_with_the_run_and_tells_by_its_exit_code(fake, millrace):
    prepared(fake)
    assert millrace("watch", "shop").code == 0
    fake.answers["GET /v1/loops/shop"] = (200, LOOP | {"run": RUN | {"state": "aborted", "message": "NaN"}})
    done = millrace("watch", "shop")
    assert done.code == 1
    assert "run 2 ends aborted: NaN" in done.stdout


def test_a_backtest_is_followed_to_its_result(fake, millrace, tmp_path):
    loop, history = tmp_path / "shop.yaml", tmp_path / "history.csv"
    loop.write_text(DOCUMENT.replace("dataset: shop", "dataset: shop, eventTime: sold_at"))
    history.write_text("sold_at,revenue\n2026-05-04,1\n")
    result = {"runs": 9, "promotions": 4}
    fake.answers |= {
        "POST /v1/artifacts": (201, examples.artifact()),
        "POST /v1/backtests": (201, examples.backtest(id="b1")),
        "GET /v1/backtests/b1": (200, examples.backtest(id="b1", state="succeeded", result=result)),
    }
    done = millrace("backtest", "-f", loop, "--data", history)
    assert done.code == 0, done.stderr
    assert "promotions" in done.stdout
    shown = millrace("backtest", "-f", loop, "--data", history, "-o", "json")
    assert json.loads(shown.stdout)["result"] == result


def test_backtests_are_listed_and_ended(fake, millrace):
    fake.answers |= {
        "GET /v1/backtests": (200, [examples.backtest(id="b1", of="shop")]),
        "GET /v1/backtests/b1": (200, examples.backtest(id="b1")),
        "POST /v1/backtests/b1:cancel": (202, examples.backtest(id="b1", state="cancelling")),
    }
    assert "shop" in millrace("backtests", "list").stdout
    done = millrace("backtests", "cancel", "b1")
    assert (done.code, "The backtest b1 ends." in done.stderr) == (0, True)


def test_a_backtest_that_was_cancelled_meanwhile_is_no_success(fake, millrace, tmp_path):
    loop, history = tmp_path / "shop.yaml", tmp_path / "history.csv"
    loop.write_text(DOCUMENT.replace("dataset: shop", "dataset: shop, eventTime: sold_at"))
    history.write_text("sold_at,revenue\n2026-05-04,1\n")
    fake.answers |= {
        "POST /v1/artifacts": (201, examples.artifact()),
        "POST /v1/backtests": (201, examples.backtest(id="b1")),
        "GET /v1/backtests/b1": (
            200,
            examples.backtest(id="b1", state="cancelled", message="it was cancelled"),
        ),
    }
    done = millrace("backtest", "-f", loop, "--data", history)
    assert done.code == 1
    assert "it was cancelled" in done.stdout


@pytest.mark.parametrize("answer", [None, False, True])
def test_ctrl_c_asks_whether_the_backtest_ends_too(monkeypatch, capsys, answer):
    """Where nobody can answer, it goes on, and its end is told by name."""
    ended = []
    monkeypatch.setattr(backtesting.sys.stdin, "isatty", lambda: answer is not None, raising=False)
    monkeypatch.setattr(backtesting.typer, "confirm", lambda *_, **__: answer)
    monkeypatch.setattr(backtesting.replaying, "end", lambda platform, ids: ended.extend(ids))
    with pytest.raises(typer.Exit) as over, backtesting._asking(None, ["b1"]):
        raise KeyboardInterrupt
    assert over.value.exit_code == 130
    assert ended == (["b1"] if answer else [])
    assert ("millrace backtests cancel b1" in capsys.readouterr().err) == (not answer)


def test_a_backtest_needs_event_times(fake, millrace, tmp_path):
    loop, history = tmp_path / "shop.yaml", tmp_path / "history.csv"
    loop.write_text(DOCUMENT)
    history.write_text("revenue\n1\n")
    done = millrace("backtest", "-f", loop, "--data", history)
    assert "spec.data.eventTime is missing" in done.stderr
    assert fake.seen == []


def test_the_report_is_written_to_a_file(fake, millrace, tmp_path):
    fake.answers["GET /v1/monitors/shop/report"] = (200, b"<html>drift</html>")
    assert millrace("report", "shop", "--out", tmp_path / "r.html").code == 0
    assert (tmp_path / "r.html").read_text() == "<html>drift</html>"


def test_the_project_travels_with_every_call(fake, millrace, monkeypatch):
    monkeypatch.setenv("MILLRACE_PROJECT", "default")
    fake.answers["GET /v1/loops"] = (200, [])
    millrace("--project", "sales", "loops", "list")
    assert "project=sales" in fake.seen[-1][1]


@pytest.mark.parametrize(
    ("zone", "likely"),
    [("Berlin", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin"), ("Europe/Berln", "Europe/Berlin")],
)
def test_a_zone_that_is_none_is_one_line_with_the_nearest_names(millrace, tmp_path, zone, likely):
    (tmp_path / "sales.csv").write_text("price,sold\n1,2\n")
    done = millrace("init", "shop", "--data", tmp_path / "sales.csv", "--target", "sold", "--timezone", zone)
    assert done.code == 1
    assert f"'{zone}' is not a time zone; did you mean {likely}" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_zone_that_is_none_is_told_with_its_line_by_apply(fake, millrace, tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(DOCUMENT.replace("dataset: shop", "dataset: shop, timezone: Berlin"))
    done = millrace("apply", "-f", path)
    assert f"{path}:4: spec.data.timezone:" in done.stderr
    assert "did you mean Europe/Berlin?" in done.stderr


@pytest.mark.parametrize("text", ["2015-07-01", "2015-07-01T08:00", "2015-07-01T08:00:00Z"])
def test_an_event_time_is_sent_as_it_is_written_since_the_service_knows_the_zone(fake, millrace, text):
    prepared(fake).answers["POST /v1/endpoints/shop:predict"] = (
        200,
        {"request_id": "q", "revision": "shop--r1", "version": 1, "predictions": [1.0]},
    )
    done = millrace("predict", "shop", "--row", "{}", "--event-time", text)
    assert done.code == 0, done.stderr
    sent = json.loads(fake.seen[-1][2])["event_time"]
    assert sent == {10: f"{text}T00:00:00", 16: f"{text}:00", 20: text}[len(text)]


def test_apply_without_waiting_promises_nothing_about_runs(fake, millrace, tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(DOCUMENT)
    prepared(fake).answers["PUT /v1/loops/shop"] = (200, LOOP)
    assert "Nothing has changed" in millrace("apply", "-f", path, "--wait", "0").stdout
    fake.answers["PUT /v1/loops/shop"] = (200, LOOP | {"generation": 2})
    assert "one opens if it is needed" in millrace("apply", "-f", path, "--wait", "0").stdout


def test_a_model_version_is_shown_by_its_number_as_a_run_is(fake, millrace):
    fake.answers |= {
        "GET /v1/models/shop": (
            200,
            {"name": "shop", "project": "default", "description": "", "latest": 2}
            | {"created_at": examples.NOW},
        ),
        "GET /v1/models/shop/aliases": (200, b"[]"),
        "GET /v1/models/shop/versions/2": (200, examples.version()),
    }
    for words in (["2"], ["--version", "2"]):
        done = millrace("models", "show", "shop", *words)
        assert done.code == 0, done.stderr
        assert fake.seen[-1][0] == "GET /v1/models/shop/versions/2"


def test_a_model_version_shows_its_forms_with_their_numbers(fake, millrace):
    base = {
        "target": "ort-cpu-fp32", "state": "kept", "reason": "as exported", "name": "model.onnx",
        "digest": "sha256:" + "a" * 64, "size": 4051, "loss": 0.2344, "agreement": 1.0,
    }  # fmt: skip
    tiny = {
        "target": "ort-cpu-int8", "state": "refused", "reason": "0.87 times as fast with 1 row", "size": 6195,
        "quantised": 16, "agreement": 0.998, "loss": 0.2349,
    }  # fmt: skip
    model = {"name": "shop", "project": "default", "description": "", "latest": 2, "created_at": examples.NOW}
    fake.answers |= {
        "GET /v1/models/shop": (200, model),
        "GET /v1/models/shop/aliases": (200, b"[]"),
        "GET /v1/models/shop/versions/2": (200, examples.version() | {"variants": [base, tiny]}),
    }
    told = millrace("models", "show", "shop", "2").stdout
    (line,) = [line for line in told.splitlines() if line.startswith("ort-cpu-int8")]
    assert line.split()[:6] == ["ort-cpu-int8", "refused", "6", "16", "99.80%", "0.2349"]
    assert "0.87 times as fast" in line
    whole = json.loads(millrace("models", "show", "shop", "2", "-o", "json").stdout)
    assert [item["target"] for item in whole["version"]["variants"]] == ["ort-cpu-fp32", "ort-cpu-int8"]


def test_a_model_version_shows_its_front_and_its_latency_in_the_search_and_where_it_serves(fake, millrace):
    from tests.controller.fronts import FRONT

    latency = {"batch": 8, "p10": 0.044, "p50": 0.05, "p99": 0.1, "repeats": 9, "calls": 50, "spread": 0.2}
    form = {
        "target": "ort-cpu-fp32", "nodes": ["cpu/any/plain/onnxruntime-1"], "reason": "OnlyForm", "message": "",
        "wants": [], "latency": [latency],
    }  # fmt: skip
    model = {"name": "shop", "project": "default", "description": "", "latest": 2, "created_at": examples.NOW}
    serves = examples.endpoint(revisions=[examples.revision(2, version=2, weight=10000, form=form)])
    fake.answers |= {
        "GET /v1/models/shop": (200, model),
        "GET /v1/models/shop/aliases": (200, b"[]"),
        "GET /v1/models/shop/versions/2": (200, examples.version() | {"front": FRONT}),
        "GET /v1/endpoints/shop": (200, serves),
    }
    told = millrace("models", "show", "shop", "2").stdout
    points = [line.split()[0] for line in told.splitlines() if line.startswith("lgb-")]
    assert points[:2] == ["lgb-2", "lgb-1"], told
    assert "lgb-2 was taken: the least loss of 3 models under 2 ms." in told
    (line,) = [line for line in told.splitlines() if line.startswith("8 ")]
    assert [part for part in line.split() if part in ("0.03", "0.031", "0.044")] == ["0.03", "0.031", "0.044"]
    del fake.answers["GET /v1/endpoints/shop"]
    alone = millrace("models", "show", "shop", "2")
    assert (alone.code, "0.044" in alone.stdout) == (0, False)


def test_who_waits_ends_once_this_machines_platform_is_stopped(monkeypatch, tmp_path):
    from millrace.cli import session
    from millrace.transport.errors import NotRunning

    for name in ("REGISTRY", "TRAINING", "SERVING", "MONITORING", "CONTROLLER"):
        monkeypatch.delenv(f"MILLRACE_{name}_URL", raising=False)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    with pytest.raises(NotRunning, match="no platform is running"):
        session._still_there(None)


def test_what_a_command_hears_of_retries_ends_with_it(fake, millrace):
    from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

    set_on_retry_hooks(None)
    before = [hook.__qualname__ for hook in get_on_retry_hooks()]
    fake.answers["GET /v1/loops"] = (200, [])
    assert millrace("loops", "list").code == 0
    assert [hook.__qualname__ for hook in get_on_retry_hooks()] == before


def test_values_that_training_never_saw_are_told_to_whoever_asks(fake, millrace):
    warning = {"where": "rows[0].shop", "value": "new", "what": "was not seen in training"}
    answer = {"request_id": "q", "revision": "shop--r1", "version": 1, "predictions": [1.0]}
    answer |= {"unseen": 3, "warnings": [warning]}
    prepared(fake).answers["POST /v1/endpoints/shop:predict"] = (200, answer)
    done = millrace("predict", "shop", "--row", "{}", "--warn", "-o", "json")
    assert json.loads(fake.seen[-1][2])["warn"] is True
    assert "Warning: rows[0].shop: 'new' was not seen in training" in done.stderr
    assert "and 2 more values" in done.stderr


@pytest.mark.parametrize("value", ["1e400", "-Infinity", "NaN"])
def test_a_row_with_a_number_that_is_not_finite_is_told_by_its_column(fake, millrace, value):
    told = millrace("predict", "shop", "--row", f'{{"price": {value}}}')
    assert told.code == 1
    assert "price is no finite number" in told.stderr
    assert "null is a missing value" in told.stderr
