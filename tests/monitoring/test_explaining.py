"""Contributions add up to the answer of the version's own graph, of every family, and are the definition's."""

import time

import numpy as np
import pytest

from millrace_contracts.models import Golden
from millrace_contracts.signature import Signature
from millrace_monitoring.graphs import explainer as explaining
from millrace_monitoring.graphs import explainers
from millrace_monitoring.graphs.explainer import Explainer
from millrace_stats import tasks
from millrace_training.automl import golden, pipeline
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import NETS, PORTFOLIO
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame

ROWS = 1_500
COLUMNS = [
    Column("size", "size", "number"),
    Column("is it", "is_it", "boolean"),
    Column("kind", "kind", "category"),
    Column("at", "at", "timestamp"),
]
INPUTS = [column.as_input() for column in COLUMNS]
SIGNATURES = {
    "regression": Signature(
        inputs=INPUTS, outputs=[{"name": "prediction", "datatype": "FP32"}], task="regression", target="y"
    ),
    "binary": Signature(
        inputs=INPUTS,
        outputs=[{"name": "probability", "datatype": "FP32"}, {"name": "class", "datatype": "BYTES"}],
        task="binary", target="y", classes=["no", "yes"],
    ),
    "multiclass": Signature(
        inputs=INPUTS,
        outputs=[{"name": "probabilities", "datatype": "FP32", "width": 3}, {"name": "class", "datatype": "BYTES"}],
        task="multiclass", target="y", classes=["a", "b", "c"],
    ),
}  # fmt: skip
ENSEMBLE = {
    "id": "mixed",
    "family": "ensemble",
    "members": [
        PORTFOLIO[0] | {"weight": 0.5},
        PORTFOLIO[1] | {"weight": 0.3},
        PORTFOLIO[-1] | {"weight": 0.2},
    ],
}
LATER = float("inf")
ROW = {"size": 1.7, "is it": True, "kind": "b", "at": "2012-05-03T08:00:00Z"}
STRANGE = {"size": None, "is it": False, "kind": "never seen", "at": None}


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(0)
    size = draw.normal(size=ROWS).astype(np.float32)
    at = draw.integers(1_300_000_000, 1_400_000_000, ROWS)
    kind = draw.integers(1, 4, ROWS).astype(np.int32)
    target = 5 * size + kind**2 + (at // 3_600 % 24) / 4.0
    size[::11] = np.nan
    at[::13] = MISSING_TIME
    values = {"size": size, "is it": (size > 0).astype(np.float32), "kind": kind, "at": at}
    return Frame(COLUMNS, values, {"kind": ["", "a", "b", "c"]}, ROWS), target


def made(configuration, task, data):
    frame, target = data
    signature = SIGNATURES[task]
    if task != "regression":
        cuts = [0.5] if task == "binary" else [0.4, 0.8]
        target = np.digitize(target, np.quantile(target, cuts)).astype(float)
    aim = Aim(tasks.of(task), tuple(signature.classes or ()))
    graph = pipeline.fit(configuration, frame, target, aim, "UTC", 7).export(signature)
    kept = golden.make(graph, frame)
    background = explainers._background(Golden.model_validate(kept.model_dump()), signature)
    return Explainer(graph, signature, background, 3)


def margins(explainer, columns, rows, told, signature):
    answers = explainer._answers(columns, rows)
    if signature.task == "regression":
        return answers
    place = list(signature.classes).index(told.of)
    likely = answers if answers.ndim == 1 else answers[:, place]
    likely = np.clip(likely, 1e-7, 1 - 1e-7)
    return np.log(likely / (1 - likely))


@pytest.mark.parametrize("task", SIGNATURES)
@pytest.mark.parametrize("configuration", [*PORTFOLIO, NETS[0], ENSEMBLE], ids=lambda item: item["id"])
def test_contributions_and_base_add_up_to_the_answer(configuration, task, data):
    explainer, signature = made(configuration, task, data), SIGNATURES[task]
    for given in (ROW, STRANGE):
        row = explainers.row(given, signature, 0)
        told = explainer.explain(row, LATER)
        total = told.base + sum(item.contribution for item in told.contributions)
        assert total == pytest.approx(told.answer, abs=1e-6)
        own = margins(explainer, row, 1, told, signature)[0]
        assert told.answer == pytest.approx(own, rel=1e-3, abs=2e-3)
        base = margins(explainer, explainer._background, explainer.rows, told, signature).mean()
        assert told.base == pytest.approx(base, rel=1e-3, abs=2e-3)
        assert {item.column for item in told.contributions} == {"size", "is it", "kind", "at"}
        assert all(item.error is None for item in told.contributions)


@pytest.mark.parametrize("configuration", PORTFOLIO, ids=lambda item: item["id"])
def test_trees_are_solved_as_trees_and_agree_with_asking_every_coalition(configuration, data):
    explainer = made(configuration, "regression", data)
    row = explainers.row(ROW, SIGNATURES["regression"], 0)
    told = explainer.explain(row, LATER)
    assert told.method == ("coalitions" if configuration["family"] == "linear" else "trees")
    asked = explainer._by_asking(row, None, LATER)
    mine = {item.column: item.contribution for item in told.contributions}
    assert [mine[name] for name in explainer.columns] == pytest.approx(asked.contributions, abs=2e-3)


def test_a_row_is_explained_in_milliseconds(data):
    explainer = made(PORTFOLIO[0], "binary", data)
    row = explainers.row(ROW, SIGNATURES["binary"], 0)
    explainer.explain(row, LATER)
    began = time.process_time()
    for _ in range(5):
        explainer.explain(row, LATER)
    assert (time.process_time() - began) / 5 < 0.25


def test_a_forest_that_is_too_large_to_hold_is_asked_instead(data, monkeypatch):
    monkeypatch.setattr(explaining, "MOST_STEPS", 100)
    explainer = made(PORTFOLIO[0], "regression", data)
    told = explainer.explain(explainers.row(ROW, SIGNATURES["regression"], 0), LATER)
    assert told.method == "coalitions"


async def test_explainers_of_large_graphs_make_room_for_each_other(monkeypatch):
    class Large:
        size = explainers.KEPT_BYTES // 2

    async def made(project, model, version):
        return Large(), None

    kept = explainers.Explainers(None, None, 1.0)
    monkeypatch.setattr(kept, "_made", made)
    for version in (1, 2, 3):
        await kept._of("default", "sales", version)
    assert [version for _, _, version in kept._kept] == [2, 3]
