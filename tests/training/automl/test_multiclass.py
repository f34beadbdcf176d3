"""Many classes through training and evaluation: real data, rare classes, and a hundred of them."""

from typing import Any

import numpy as np
import onnx
import orjson
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from sklearn.datasets import load_digits, load_wine
from tests.training.conftest import run_evaluate

from millrace_contracts.signature import Signature
from millrace_stats.profiles import ProfileSpec
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow, from_rows
from millrace_training.graph.session import answers, open_session
from millrace_training.runtime.errors import JobError

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
DAY = 86_400_000_000
START = 1_357_016_400_000_000


def by_id(*names: str) -> list[dict[str, Any]]:
    return [next(item for item in PORTFOLIO if item["id"] == name) for name in names]


def spec(**change: Any) -> dict[str, Any]:
    return {
        "dataset": "rows",
        "dataset_version": 1,
        "task": "multiclass",
        "target": "kind",
        "folds": 3,
        "search": "refit",
        "configurations": by_id("lin-a"),
        "seed": 7,
        "executor": "inline",
    } | change


def penguins(rows: int = 330, seed: int = 0) -> pa.Table:
    """Three species in uneven shares, told apart by bills and islands, with gaps as in the field."""
    draw = np.random.default_rng(seed)
    species = draw.choice(3, rows, p=[0.44, 0.2, 0.36])
    bill = np.array([38.8, 48.8, 47.5])[species] + draw.normal(0, 2.7, rows)
    depth = np.array([18.3, 18.4, 15.0])[species] + draw.normal(0, 1.1, rows)
    islands = np.array([["Torgersen", "Biscoe"], ["Dream", "Dream"], ["Biscoe", "Biscoe"]])
    sex = draw.choice(["female", "male", ""], rows, p=[0.48, 0.48, 0.04])
    return pa.table(
        {
            "bill length": pa.array(np.where(draw.random(rows) < 0.02, np.nan, bill), from_pandas=True),
            "bill depth": depth,
            "island": islands[species, draw.integers(0, 2, rows)],
            "sex": pa.array([text or None for text in sex]),
            "kind": [SPECIES[place] for place in species],
        }
    )


@pytest.fixture
def fit(trained):
    def run(table: pa.Table, key: str = "job", **change: Any) -> dict[str, Any]:
        return trained("rows", table, spec(**change), key)

    return run


def judge(candidate: dict, champion: dict | None, context: Any, **change: Any) -> dict[str, Any]:
    def contender(model: dict) -> dict[str, Any]:
        return {name: model[name] for name in ("files", "signature", "trained_through", "holdout_from")}

    asked = {name: value for name, value in spec().items() if name in ("dataset", "task", "target")}
    models = {"candidate": contender(candidate), "champion": champion and contender(champion)}
    return run_evaluate(asked | {"dataset_version": 1} | models | change, context)


def test_wine_is_searched_judged_and_exported(fit, registry):
    data = load_wine(as_frame=True)
    frame = data.frame.rename(columns={"target": "kind"})
    made = fit(pa.Table.from_pandas(frame), search="full", trials=8, configurations=None)
    assert made["signature"]["classes"] == [0, 1, 2]
    assert made["signature"]["outputs"] == [
        {"name": "probabilities", "datatype": "FP32", "width": 3},
        {"name": "class", "datatype": "BYTES"},
    ]
    told = made["metrics"]["holdout"]
    assert told["accuracy"] > 0.95
    assert told["log_loss"] < 0.15
    assert told["auc"] > 0.99
    assert told["skill"] > 0.8
    assert made["parity"]["bad"] == 0
    assert set(made["golden"]["outputs"]["class"]) <= {"0", "1", "2"}
    assert np.sum(made["golden"]["outputs"]["probabilities"], axis=1) == pytest.approx(1, abs=1e-5)
    stored = parquet.read_table(pa.BufferReader(registry.store[made["files"]["oof.parquet"]]))
    assert (stored.num_rows, len(stored["prediction"][0])) == (178, 3)


def test_digits_are_told_apart_by_every_family(fit, registry):
    data = load_digits(as_frame=True)
    frame = data.frame.rename(columns={"target": "kind"})
    table = pa.Table.from_pandas(frame)
    families = by_id("lin-a", "xgb-a", "hgb", "et", "lgb-a")
    small = [
        item | {"params": item["params"] | ({"rounds": 20} if "rounds" in item["params"] else {})}
        for item in families
    ]
    for item in small:
        made = fit(table, item["id"], configurations=[item], folds=2)
        assert made["metrics"]["holdout"]["accuracy"] > 0.93, item["id"]
        assert made["parity"]["bad"] == 0
        graph = registry.store[made["files"]["model.onnx"]]
        onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
        assert len(graph) < 20_000_000


def test_penguins_name_their_species_from_the_json_of_golden_rows(fit, registry):
    made = fit(penguins(), configurations=by_id("lgb-a"))
    assert made["signature"]["classes"] == list(SPECIES)
    golden, columns = made["golden"], columns_from_signature(Signature.model_validate(made["signature"]))
    rows = [
        {column.name: golden["inputs"][column.name][row] for column in columns}
        for row in range(len(golden["outputs"]["class"]))
    ]
    session = open_session(registry.store[made["files"]["model.onnx"]])
    told = answers(session, from_rows(rows, columns))
    assert told["class"].tolist() == golden["outputs"]["class"]
    np.testing.assert_allclose(told["probabilities"], golden["outputs"]["probabilities"], rtol=1e-6)
    assert made["metrics"]["holdout"]["macro_f1"] > 0.9


def test_the_baseline_counts_the_mix_of_classes_and_how_sure_they_are(fit, registry):
    made = fit(penguins())
    baseline = orjson.loads(registry.store[made["baseline"]])
    bins = ProfileSpec.from_dict(baseline["profile"]).features
    assert set(bins["__prediction__"].words) == set(SPECIES)
    assert bins["__confidence__"].kind == "number"
    counts = baseline["days"][0]["counts"]
    assert sum(counts["__prediction__"]) == sum(counts["__confidence__"]) == 330


def test_boolean_and_integer_classes_keep_their_kind(fit):
    table = penguins()
    codes = pa.array([10 * SPECIES.index(text) for text in table["kind"].to_pylist()])
    made = fit(table.set_column(4, "kind", codes))
    assert made["signature"]["classes"] == [0, 10, 20]
    assert set(made["golden"]["outputs"]["class"]) <= {"0", "10", "20"}


def test_rare_classes_break_nothing_and_are_named(fit, registry, make_context):
    table = penguins()
    kinds = table["kind"].to_pylist()
    kinds[5], kinds[6], kinds[7] = "Emperor", "King", "King"
    table = table.set_column(4, "kind", pa.array(kinds))
    for name in ("lin-a", "lgb-a", "xgb-a", "hgb", "et"):
        made = fit(table, name, configurations=by_id(name))
        assert made["signature"]["classes"] == ["Adelie", "Chinstrap", "Emperor", "Gentoo", "King"]
        assert made["rare_classes"] == {"Emperor": 1, "King": 2}
        assert made["parity"]["bad"] == 0
        assert made["metrics"]["holdout"]["accuracy"] > 0.85
    told = judge(made, made, make_context("e"))
    lines = {line["name"]: line for line in told["classes"]["classes"]}
    assert (lines["Emperor"]["rows"], lines["Emperor"]["recall"]) == (1, 0)
    assert all(block["candidate"] == block["champion"] for block in told["blocks"])


def test_three_classes_are_wanted(fit):
    few = penguins().filter(pa.compute.not_equal(penguins()["kind"], "Gentoo"))
    with pytest.raises(JobError, match="must have 3 to 1000 values, it has 2"):
        fit(few)
    times = pa.array(np.arange(330) * DAY, pa.timestamp("us", "UTC"))
    with pytest.raises(JobError, match="must be texts, numbers or booleans"):
        fit(penguins().set_column(4, "kind", times))


@pytest.mark.slow
def test_a_hundred_classes_and_more_are_learnt_in_a_bounded_model(fit, registry):
    draw = np.random.default_rng(3)
    rows, classes = 3_600, 120
    kind = draw.integers(0, classes, rows)
    place = draw.normal(size=(classes, 6))
    x = place[kind] + 0.3 * draw.normal(size=(rows, 6))
    word = np.array([f"w{number % 17}" for number in kind])
    columns = {f"x{number}": x[:, number] for number in range(6)}
    table = pa.table(columns | {"word": word, "kind": [f"class {number:03d}" for number in kind]})
    for name in ("lin-a", "et", "lgb-a"):
        made = fit(table, name, configurations=by_id(name), folds=2)
        assert made["metrics"]["holdout"]["accuracy"] > 0.6, name
        assert made["parity"]["bad"] == 0
        assert len(registry.store[made["files"]["model.onnx"]]) < 30_000_000
        assert made["signature"]["outputs"][0]["width"] == classes


class TestByTime:
    @pytest.fixture
    def dated(self) -> pa.Table:
        """Penguins of 60 days; a fourth species is first seen in the last two weeks."""
        table = penguins(1_200)
        at = START + np.arange(1_200) * (60 * DAY // 1_200)
        kinds = table["kind"].to_pylist()
        for row in range(1_000, 1_200, 9):
            kinds[row] = "Macaroni"
        columns = {"at": pa.array(at, pa.timestamp("us", "UTC")), "kind": pa.array(kinds)}
        return (
            table.drop_columns(["kind"])
            .append_column("at", columns["at"])
            .append_column("kind", columns["kind"])
        )

    def test_a_class_that_only_the_holdout_has_is_answered_honestly(self, fit, dated, registry, make_context):
        change = {"event_time": "at", "holdout_days": 14, "configurations": by_id("lgb-a", "lin-a")}
        made = fit(dated, "new", **change)
        assert made["signature"]["classes"] == ["Adelie", "Chinstrap", "Gentoo", "Macaroni"]
        assert made["parity"]["bad"] == 0
        earlier = {name: made["files"][name] for name in ("holdout.onnx", "baseline.json")}
        rows = from_arrow(dated, columns_from_signature(Signature.model_validate(made["signature"])))
        told = answers(open_session(registry.store[earlier["holdout.onnx"]]), rows)
        assert told["probabilities"][:, 3].max() == pytest.approx(1e-6, rel=1e-3)
        page_of = {"event_time": "at", "holdout_days": 14, "slices": ["island"]}
        alone = judge(made, None, make_context("alone"), **page_of)
        lines = {line["name"]: line for line in alone["classes"]["classes"]}
        assert lines["Macaroni"]["recall"] == 0
        assert lines["Gentoo"]["recall"] > 0.8
        page = registry.store[alone["report"]].decode()
        for words in ("Classes", "Commonest mistakes", "True class against chosen class", "Macaroni", "<svg"):
            assert words in page
        assert {item["column"] for item in alone["slices"]} == {"island"}

    def test_a_champion_that_does_not_know_a_class_loses_on_its_rows_alone(self, fit, dated, make_context):
        change = {"event_time": "at", "holdout_days": 14}
        old = fit(dated, "old", **change, cut="2013-02-10T00:00:00Z")
        assert old["signature"]["classes"] == list(SPECIES)
        made = judge(fit(dated, "new", **change), old, make_context("e"), **change)
        assert made["metrics"]["champion"]["rows"] > 200
        assert made["metrics"]["champion"]["accuracy"] > 0.8
        assert made["metrics"]["champion"]["log_loss"] > 1

    def test_the_same_rows_give_the_same_digests(self, fit, dated):
        change = {
            "event_time": "at",
            "holdout_days": 14,
            "search": "full",
            "trials": 4,
            "configurations": None,
        }
        assert fit(dated, "a", **change)["files"] == fit(dated, "b", **change)["files"]
