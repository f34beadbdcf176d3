"""The report: every picture with its words, and words alone where there is nothing to draw."""

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.decisions import DecisionRead
from millrace_contracts.monitors import MonitorWrite
from millrace_core.errors import NotFound
from millrace_monitoring.closing.files import parquet
from millrace_monitoring.ingest import segments
from millrace_monitoring.reports import known, page, predictions

from .sales import SIGNATURE, START, monitor, table_of_day

FILES = {"model.onnx": "sha256:" + "0" * 64}
FIRST = date(2024, 3, 1)


def spec(task="regression", classes=None, **more):
    output = {"regression": "prediction", "binary": "probability", "multiclass": "probabilities"}[task]
    signature = SIGNATURE | {"outputs": [{"name": output, "datatype": "FP32"}], "task": task}
    if classes:
        signature |= {"classes": classes}
    champion = {"version": 1, "files": FILES}
    return MonitorWrite.model_validate(monitor(champion, task=task, signature=signature, **more))


def file(answers, labels):
    """A closed day's rows as they lie in the store, with one that is no part of the sample."""
    answers = np.concatenate([answers, answers[:1]])
    vectors = answers.ndim == 2
    data = {
        "prediction": pa.array(np.full(len(answers), np.nan) if vectors else answers, pa.float64()),
        "label": pa.array([*labels, None], pa.float64()),
        "sample": pa.array([True] * (len(answers) - 1) + [False]),
    }
    return parquet(pa.table(data | ({"probabilities": segments.lists(answers)} if vectors else {})))


def text(of, *files):
    logged = predictions.read(of, [(FIRST + timedelta(days=n), data) for n, data in enumerate(files)])
    return "\n".join(predictions.sections(logged))


THREE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])


def test_answers_of_many_classes_are_drawn_by_day_against_labels_and_by_how_sure_they_were():
    told = text(
        spec("multiclass", ["blue", "green", "red"]), file(THREE, [0, 1, 2]), file(THREE, [0, 0, None])
    )
    assert told.count("<svg") == 3
    assert "Answered classes by day (2024-03-01 to 2024-03-02)" in told


def test_the_shares_of_a_day_are_of_the_rows_that_were_answered():
    of = spec("multiclass", ["blue", "green", "red"])
    answers = np.concatenate([THREE, THREE[:1], np.full((2, 3), np.nan)])
    logged = predictions.read(of, [(FIRST, file(answers, [None] * 6))])
    names = ["blue", "green", "red"]
    assert predictions._shares(logged, logged.days[0], names) == [0.5, 0.25, 0.25]


def test_two_classes_have_their_mix_and_their_calibration():
    told = text(spec("binary", [False, True]), file(np.array([0.1, 0.9, 0.8]), [0, 1, 1]))
    assert told.count("<svg") == 2
    assert "false" in told


def test_a_regression_has_no_mix_and_shows_answers_against_labels():
    told = text(spec(), file(np.array([1.0, 2.0]), [1.5, 2.5]))
    assert "Answered classes" not in told
    assert told.count("<svg") == 1


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_without_labels_or_answers_there_are_words_instead_of_empty_pictures(task):
    classes = None if task == "regression" else [0, 1, 2][: 2 if task == "binary" else 3]
    answers = THREE if task == "multiclass" else THREE[:, 0]
    told = text(spec(task, classes), file(answers, [None] * 3))
    assert predictions.NO_LABELS in told
    told = text(spec(task, classes), file(np.full_like(answers, np.nan), [None] * 3))
    assert "<svg" not in told
    assert (predictions.NO_ANSWERS in told) == (task != "regression")


def test_a_report_without_a_closed_day_says_what_closes_one_and_draws_nothing():
    nothing = predictions.read(spec(), [])
    told = page.page("sales", spec(), [], nothing, [])
    assert "No day has closed yet." in told
    assert page.NOT_YET.replace("'", "&#x27;") in told
    assert "<svg" not in told


def test_a_report_says_when_there_is_no_event_time():
    nothing = predictions.read(spec(), [])
    assert page.NO_TIME not in page.page("sales", spec(), [], nothing, [])
    assert page.NO_TIME in page.page("sales", spec(event_time=None), [], nothing, [])


def test_what_was_scored_by_itself_is_listed_with_what_it_cost():
    known = {
        "id": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "loop": "sales", "kind": "predictions.written",
        "subject": "scoring 1", "outcome": "written", "event_time": None, "author": "controller", "reason": "Done.",
        "evidence": {"rows": 2000, "answered": 1990, "rejects": 3, "version": 7, "sink": "table scored"},
        "measured": {"seconds": 0.5, "rows_per_second": 4000.0}, "number": 1, "hash": "", "previous": "",
        "recorded_at": START,
    }  # fmt: skip
    told = page.page(
        "sales", spec(), [], predictions.read(spec(), []), [], [DecisionRead.model_validate(known)]
    )
    for words in ("Scored by itself", "1990", "4,000", "table scored"):
        assert words in told
    assert "Scored by itself" not in page.page("sales", spec(), [], predictions.read(spec(), []), [])


async def test_days_without_labels_are_told_in_words_and_what_there_is_is_drawn(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    through = (START + timedelta(days=1)).isoformat()
    await service.call("POST", "/v1/monitors/sales/labels", json={"complete_through": through})
    await service.closed(1)
    told = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert "No row has a label, so there is no loss to show." in told
    assert "It has not begun: no day with labels has closed." in told
    assert predictions.NO_LABELS in told
    assert told.count("<svg") == 1


async def test_the_report_is_one_page_that_needs_no_network(service):
    await service.declare(monitor(service.registry.version(1, 2.0), [service.registry.version(2, 2.1)]))
    empty = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert "No day has closed yet" in empty
    for number in range(3):
        features, sold = table_of_day(number, slope=2.0 if number < 2 else 4.0)
        await service.rows(number, features, 2.2 * features["price"])
        await service.labels(number, sold)
    await service.closed(3)
    page = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert page.count("<svg") >= 4
    assert "quality:served" in page
    assert "<script" not in page
    assert "http-equiv" not in page
    assert 'src="http' not in page


async def test_a_loop_without_event_time_shows_what_is_known_before_any_label(service):
    version = service.registry.version(1, 2.0)
    service.registry.judge(1, {"rmse": 1.25}, {"price": 3.5, "shop_name": 0.25})
    await service.declare(monitor(version, event_time=None))
    features, _ = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    told = (await service.call("GET", "/v1/monitors/sales/report")).text
    for words in (
        "How the champion was judged",
        "1.25",
        "What it looks at",
        "60",
        "60 answers",
        "shop_name",
        "0.0%",
    ):
        assert words in told
    assert told.count("<svg") == 2, "importance, and the distribution of answers"
    assert "It was not recorded" not in told
    assert known.NOTHING not in told


async def test_rows_that_are_merged_while_a_report_reads_them_are_found_again(service, monkeypatch):
    await service.declare(monitor(service.registry.version(1, 2.0), event_time=None))
    features, _ = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    store, gone = service.app.state.services.store, []
    read = type(store).read

    async def merged(self, digest):
        if not gone:
            gone.append(digest)
            raise NotFound(f"There is no artifact {digest}.")
        return await read(self, digest)

    monkeypatch.setattr(type(store), "read", merged)
    assert "60 answers" in (await service.call("GET", "/v1/monitors/sales/report")).text
    assert gone


def test_what_a_candidate_was_mirrored_is_no_answer_of_open_days():
    at = pa.scalar(0, segments.TIME)
    asked = {"request_id": "r1", "index": 0, "event_time": at, "at": at, "status": 200}
    rows = [
        asked | {"listener": "inference", "revision": "v1", "prediction": 1.0},
        asked | {"listener": "shadow", "revision": "v2", "prediction": 9.0},
    ]
    table = pa.Table.from_pylist(rows, schema=segments.COLUMNS)
    assert known.asked(spec(), [table]).answers.tolist() == [1.0]


async def test_what_is_not_known_is_said_in_words(service):
    await service.declare(monitor(service.registry.version(1, 2.0), event_time=None))
    told = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert known.NOTHING in told
    assert "No row waits for its day to close." in told
    assert "which columns matter" in told
    assert "<svg" not in told


def test_one_day_is_told_as_one():
    day = SimpleNamespace(
        day=START, rows=12_000, labelled=0, performance=SimpleNamespace(loss=None, reference_days=1),
        drift=SimpleNamespace(window=None),
    )  # fmt: skip
    assert page._span([day]).startswith("1 day, ")
    assert page._gathering([day]).endswith("1 day so far.")
