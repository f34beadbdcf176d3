"""The train job: searches, judges on rows that no model has seen, fits again, exports, and proves it."""

from typing import Any

import numpy as np
import onnx
import orjson
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from sklearn.datasets import load_breast_cancer
from tests.training.conftest import run_train

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_stats.estimates.estimator import Estimator
from millrace_stats.profiles import ProfileSpec
from millrace_training.automl import pipeline, splits
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow, from_rows
from millrace_training.graph.session import open_session, predict
from millrace_training.runtime.errors import Cancelled, JobError

DAYS, A_DAY = 50, 60
START = 1_357_016_400_000_000  # 2013-01-01 00:00 in New York
DAY = 86_400_000_000


def flights(seed: int = 0) -> pa.Table:
    """Flights-like rows: numbers with gaps, words, an identifier, a second date, and a concept that moves."""
    draw = np.random.default_rng(seed)
    rows = DAYS * A_DAY
    at = START + np.sort(draw.integers(0, DAYS * DAY, rows))
    distance = draw.uniform(100, 2_500, rows)
    dest = draw.integers(0, 12, rows)
    minutes = distance / 7.5 + dest * 2 + 10 * (at - START) / (DAYS * DAY) + draw.normal(0, 5, rows)
    return pa.table(
        {
            "flight id": [f"f{number}" for number in range(rows)],
            "departs": pa.array(at, pa.timestamp("us", "UTC")),
            "distance": pa.array(np.where(draw.random(rows) < 0.05, np.nan, distance), from_pandas=True),
            "seats": pa.array(draw.integers(50, 300, rows), pa.int64()),
            "dest": pa.array([None if code == 11 else f"D{code}" for code in dest]),
            "booked": pa.array(at - draw.integers(0, 90 * DAY, rows), pa.timestamp("us", "UTC")),
            "minutes": minutes,
        }
    )


def spec(**change: Any) -> dict[str, Any]:
    return {
        "dataset": "flights",
        "dataset_version": 1,
        "task": "regression",
        "target": "minutes",
        "event_time": "departs",
        "timezone": "America/New_York",
        "exclude": [],
        "cut": None,
        "holdout_days": 14,
        "windows": ["all", "20d"],
        "folds": 2,
        "search": "refit",
        "trials": 0,
        "configurations": [PORTFOLIO[0] | {"params": PORTFOLIO[0]["params"] | {"rounds": 30}}],
        "seed": 7,
        "executor": "inline",
    } | change


@pytest.fixture
def fit(trained):
    def run(key: str = "job", table: pa.Table | None = None, **change: Any) -> dict[str, Any]:
        return trained("flights", flights() if table is None else table, spec(**change), key)

    return run


class TestByTime:
    def test_a_full_search_gives_a_whole_release_unit(self, fit, registry):
        made = fit(search="full", trials=5, configurations=None)
        assert sorted(made["files"]) == ["baseline.json", "holdout.onnx", "model.onnx"]
        assert made["metrics"]["holdout"]["r2"] > 0.9
        assert made["metrics"]["holdout"]["rows"] == pytest.approx(14 * A_DAY, rel=0.1)
        assert made["parity"]["bad"] == 0
        assert made["parity"]["rows"] > 2_500
        assert 1 <= len(made["configurations"]) <= 2
        assert made["holdout_from"] == "2013-02-06T00:00:00-05:00"
        assert made["holdout_through"] == made["trained_through"] == "2013-02-20T00:00:00-05:00"
        assert [item["column"] for item in made["signature"]["inputs"]] == [
            "distance",
            "seats",
            "dest",
            "booked",
        ]
        run = registry.runs[made["run"]]
        assert run["state"] == "succeeded"
        assert run["artifacts"] == made["files"]

    def test_the_graph_answers_the_golden_rows_from_their_json(self, fit, registry):
        made = fit()
        golden = made["golden"]
        session = open_session(registry.store[made["files"]["model.onnx"]])
        columns = columns_from_signature(Signature.model_validate(made["signature"]))
        rows = [
            {column.name: golden["inputs"][column.name][row] for column in columns}
            for row in range(len(golden["outputs"]["prediction"]))
        ]
        answers = predict(session, from_rows(rows, columns))
        np.testing.assert_allclose(answers, golden["outputs"]["prediction"], rtol=1e-6)

    def test_the_baseline_has_frozen_bins_daily_profiles_and_the_holdouts_losses(self, fit, registry):
        made = fit()
        baseline = orjson.loads(registry.store[made["baseline"]])
        names = set(ProfileSpec.from_dict(baseline["profile"]).features)
        assert names == {"distance", "seats", "dest", "booked", "__prediction__"}
        assert [item["day"] for item in baseline["loss"]] == [f"2013-02-{day:02d}" for day in range(6, 20)]
        assert sum(item["rows"] for item in baseline["days"]) == DAYS * A_DAY
        mean = np.average(
            [item["loss"] for item in baseline["loss"]], weights=[i["n"] for i in baseline["loss"]]
        )
        assert mean == pytest.approx(made["metrics"]["holdout"]["mse"])

    def test_the_baseline_holds_an_estimator_that_was_judged_on_every_holdout_day(self, fit, registry):
        made = fit()
        estimator = Estimator.from_dict(orjson.loads(registry.store[made["baseline"]])["estimate"])
        assert estimator.method == "loss model"
        assert estimator.errors["loss"].blocks == 14
        assert "__prediction__" in estimator.loss.features

    def test_no_row_of_the_holdout_influences_the_model_that_is_judged_on_it(self, fit):
        table = flights()
        first = fit("a", table, windows=["all"])
        days = np.asarray(table["departs"].cast(pa.int64())) >= START + 36 * DAY
        for name in ("minutes", "distance"):
            values = np.where(days, -1_000.0, np.asarray(table[name].to_numpy()))
            table = table.set_column(table.column_names.index(name), name, pa.array(values))
        dest = [
            f"new {text}" if late else text
            for text, late in zip(table["dest"].to_pylist(), days, strict=True)
        ]
        table = table.set_column(table.column_names.index("dest"), "dest", pa.array(dest))
        second = fit("b", table, windows=["all"])
        assert first["files"]["holdout.onnx"] == second["files"]["holdout.onnx"]
        assert first["files"]["model.onnx"] != second["files"]["model.onnx"]

    def test_rows_from_the_cut_on_are_not_there(self, fit):
        cut = "2013-02-10T05:00:00Z"
        table = flights()
        early = table.filter(pa.array(np.asarray(table["departs"].cast(pa.int64())) < START + 40 * DAY))
        assert fit("a", table, cut=cut)["files"] == fit("b", early, cut=cut)["files"]

    def test_the_same_input_gives_the_same_digests_under_any_key(self, fit):
        wanted = {"search": "full", "trials": 4, "configurations": None}
        first, second = fit("a", **wanted), fit("b", **wanted)
        assert first["files"] == second["files"]
        assert first["configurations"] == second["configurations"]
        assert fit("c", seed=8, **wanted)["files"] != first["files"]

    def test_a_pool_of_processes_gives_the_same_digests(self, fit):
        assert fit("a")["files"] == fit("b", executor="pool")["files"]

    def test_a_refit_takes_the_same_inputs_as_the_search_before_it(self, fit):
        table = flights()
        plane = pa.array([f"N{number % 900}" for number in range(table.num_rows)])
        first = fit("a", table.append_column("plane", plane), search="full", trials=1, configurations=None)
        unique = pa.array([f"N{number}" for number in range(table.num_rows)])
        again = table.append_column("plane", unique)
        assert fit("b", again, configurations=first["configurations"])["signature"] == first["signature"]
        assert first["configurations"][0]["left_out"] == ["flight id"]

    def test_the_better_window_is_chosen_and_told(self, fit):
        made = fit()
        assert made["window"] == "20d"
        assert made["trained_from"] == "2013-01-31T00:00:00-05:00"
        assert fit("all", windows=["all"])["metrics"]["holdout"]["mse"] > made["metrics"]["holdout"]["mse"]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"holdout_days": 60}, "before the holdout"),
            ({"target": "nothing"}, "no column 'nothing'"),
            ({"target": "dest"}, "must be a number"),
            ({"configurations": None}, "refit needs"),
            ({"cut": "2012-01-01T00:00:00Z"}, "before the cut"),
            ({"exclude": ["distance", "seats", "dest", "booked"]}, "No column is left"),
            ({"task": "binary"}, "two values"),
        ],
    )
    def test_what_cannot_be_learned_is_refused_in_words(self, fit, change, told):
        with pytest.raises(JobError, match=told):
            fit(**change)


class TestByFolds:
    @pytest.fixture
    def cancer(self, registry) -> dict[str, Any]:
        data = load_breast_cancer(as_frame=True)
        table = pa.Table.from_pandas(data.frame.astype({"target": bool}), preserve_index=False)
        registry.add("cancer", 1, table)
        change = {
            "dataset": "cancer",
            "task": "binary",
            "target": "target",
            "event_time": None,
            "holdout_days": None,
        }
        return spec(**change, folds=5, search="full", trials=4, configurations=None, windows=["all"])

    def test_breast_cancer_is_judged_out_of_fold(self, cancer, registry, make_context):
        made = run_train(cancer, make_context())
        assert sorted(made["files"]) == ["baseline.json", "model.onnx", "oof.parquet"]
        assert made["metrics"]["holdout"]["auc"] > 0.985
        assert made["metrics"]["holdout"]["log_loss"] < 0.12
        assert made["parity"]["bad"] == 0
        assert made["signature"]["classes"] == [False, True]
        assert made["signature"]["inputs"][0] == {
            "name": "mean_radius",
            "datatype": "FP32",
            "column": "mean radius",
            "kind": "number",
        }
        stored = parquet.read_table(pa.BufferReader(registry.store[made["files"]["oof.parquet"]]))
        assert (stored.num_rows, stored.column_names) == (569, ["row", "copy", "prediction"])
        rows = from_arrow(
            pa.Table.from_pandas(load_breast_cancer(as_frame=True).data),
            columns_from_signature(Signature.model_validate(made["signature"])),
        )
        answers = predict(open_session(registry.store[made["files"]["model.onnx"]]), rows)
        assert ((answers >= 0) & (answers <= 1)).all()

    def test_an_out_of_fold_prediction_does_not_know_its_own_row(self, cancer, registry, make_context):
        one = cancer | {"search": "refit", "configurations": [PORTFOLIO[1]]}
        first = run_train(one, make_context("a"))
        table = load_breast_cancer(as_frame=True).frame.astype({"target": bool})
        place = 0
        wild = table.copy()
        wild.loc[place, "mean radius"] = 1e6
        registry.add("cancer", 1, pa.Table.from_pandas(wild, preserve_index=False))
        second = run_train(one, make_context("b"))
        before, after = (
            parquet.read_table(pa.BufferReader(registry.store[made["files"]["oof.parquet"]]))[
                "prediction"
            ].to_numpy()
            for made in (first, second)
        )
        fold = splits.folds(table["target"].to_numpy().astype(float), 5, tasks.of("binary"), 7)
        same_fold = (fold == fold[place]) & (np.arange(569) != place)
        np.testing.assert_array_equal(before[same_fold], after[same_fold])
        assert (before[fold != fold[place]] != after[fold != fold[place]]).any()


class TestResume:
    def test_a_killed_search_runs_only_what_was_not_finished_and_decides_the_same(
        self, fit, registry, make_context, monkeypatch
    ):
        wanted = {"search": "full", "trials": 5, "configurations": None}
        whole = fit("whole", **wanted)
        fitted = []
        plain = pipeline.fit

        def counted(configuration, frame, *rest):
            fitted.append((configuration["id"], frame.rows))
            return plain(configuration, frame, *rest)

        monkeypatch.setattr(pipeline, "fit", counted)
        with pytest.raises(Cancelled):
            run_train(spec(**wanted), make_context("killed", is_cancelled=lambda: len(fitted) >= 3))
        kept = [trial.params["id"] for trial in make_context("killed").trials.all() if trial.values]
        assert 1 <= len(kept) <= 3
        before = list(fitted)
        made = run_train(spec(**wanted), make_context("killed"))
        assert not set(before) & set(fitted[len(before) :])
        assert made["files"] == whole["files"]
        told = make_context("killed").trials.all()
        assert [trial.number for trial in told] == list(range(5))
        assert all(trial.values for trial in told)

    def test_a_trial_that_fails_is_told_and_the_search_goes_on(self, fit, make_context, monkeypatch):
        plain = pipeline.fit

        def failing(configuration, *rest):
            if configuration["id"] == "lin-a":
                raise MemoryError("too large")
            return plain(configuration, *rest)

        monkeypatch.setattr(pipeline, "fit", failing)
        made = fit(search="full", trials=3, configurations=None)
        assert made["parity"]["bad"] == 0
        failed = [trial for trial in make_context().trials.all() if trial.values["loss"] is None]
        assert [trial.params["id"] for trial in failed] == ["lin-a"]
        assert "too large" in failed[0].values["failed"]


def test_the_graph_is_small_and_a_row_costs_few_steps(fit, registry):
    made = fit(configurations=[PORTFOLIO[5], PORTFOLIO[3]], windows=["all"])
    graph = registry.store[made["files"]["model.onnx"]]
    assert len(graph) < 20_000_000
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model, full_check=True)
    trees = [
        len(set(attribute.ints))
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "nodes_treeids"
    ]
    assert len(trees) == 1
    assert len(model.graph.node) + sum(trees) < 2_000, "operators and trees that one row goes through"
    frame = from_arrow(flights(), columns_from_signature(Signature.model_validate(made["signature"])))
    feeds = frame.take(np.arange(1)).feeds()
    (answer,) = open_session(graph).run(None, feeds)
    assert answer.shape == (1, 1)


def test_columns_that_are_called_like_an_answer_are_features_like_others(fit):
    named = {"distance": "prediction", "dest": "class", "seats": "probability"}
    table = flights().rename_columns([named.get(name, name) for name in flights().column_names])
    made = fit(table=table)
    inputs = {item["column"]: item["name"] for item in made["signature"]["inputs"]}
    assert inputs["prediction"] == "prediction_2"
    assert made["parity"]["bad"] == 0
    assert made["metrics"]["holdout"]["r2"] > 0.8


def test_a_signal_in_the_last_digits_is_learnt_and_a_refit_sends_the_same_tensors(fit, registry):
    draw = np.random.default_rng(11)
    near = draw.integers(0, 40, 1_500)
    table = pa.table(
        {
            "meter": pa.array(1_700_000_000 + near),
            "size": draw.normal(size=1_500),
            "wait": 20 * np.abs(near / 40 - 0.5) + draw.normal(0, 0.3, 1_500),
        }
    )
    change = {"target": "wait", "event_time": None, "holdout_days": None, "windows": ["all"]}
    made = fit("search", table, search="full", trials=1, configurations=None, **change)
    assert made["metrics"]["holdout"]["r2"] > 0.9
    assert [item["datatype"] for item in made["signature"]["inputs"]] == ["FP64", "FP32"]
    assert made["parity"]["bad"] == 0
    spec = ProfileSpec.from_dict(orjson.loads(registry.store[made["baseline"]])["profile"])
    assert [spec.features[name].exact for name in ("meter", "size")] == [True, False]
    few = table.set_column(0, "meter", pa.array(near))
    again = fit("refit", few, configurations=made["configurations"], **change)
    assert again["signature"] == made["signature"]
