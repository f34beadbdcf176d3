"""The evaluate job: both models on the same rows, and neither on a row that it has seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer
from tests.training.conftest import run_evaluate, run_train

from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.runtime.errors import JobError

START, DAY = 1_372_636_800_000_000, 86_400_000_000  # 2013-07-01 UTC
DAYS, A_DAY = 60, 40
LIGHT = PORTFOLIO[0] | {"params": PORTFOLIO[0]["params"] | {"rounds": 15}}
COMMON = {
    "dataset": "rows",
    "dataset_version": 1,
    "task": "regression",
    "target": "y",
    "event_time": "at",
    "timezone": "UTC",
    "holdout_days": 14,
}
REFIT = {"exclude": [], "windows": ["all"], "search": "refit", "folds": 4, "seed": 1, "executor": "inline"}


def table() -> pa.Table:
    draw = np.random.default_rng(2)
    rows = DAYS * A_DAY
    x, noise = draw.normal(size=rows), draw.normal(size=rows)
    shop = draw.integers(0, 3, rows)
    return pa.table(
        {
            "at": pa.array(START + np.arange(rows) * (DAY // A_DAY), pa.timestamp("us", "UTC")),
            "x": x,
            "unused": noise,
            "shop": pa.array([f"S{number}" for number in shop]),
            "y": 5 * x + shop + 0.1 * draw.normal(size=rows),
        }
    )


@pytest.fixture
def trained(registry, make_context):
    registry.add("rows", 1, table())

    def run(
        key: str, cut: str | None, configuration: dict[str, Any] = LIGHT, **change: Any
    ) -> dict[str, Any]:
        asked = COMMON | REFIT | {"cut": cut, "configurations": [configuration]} | change
        return run_train(asked, make_context(key))

    return run


def asked(candidate: dict, champion: dict | None, **change: Any) -> dict[str, Any]:
    mine = {"files": candidate["files"], "signature": candidate["signature"]}
    theirs = None
    if champion is not None:
        spans = ("files", "signature", "trained_through", "holdout_from", "holdout_through")
        theirs = {name: champion[name] for name in spans}
    return COMMON | {"cut": None, "slices": ["shop"], "candidate": mine, "champion": theirs} | change


def turned(after: int) -> pa.Table:
    """The same rows, but from day *after* on x counts the other way round."""
    rows = table()
    day = (rows["at"].cast(pa.int64()).to_numpy() - START) // DAY
    x = rows["x"].to_numpy()
    turned_y = np.where(day >= after, -5 * x, rows["y"].to_numpy())
    return rows.set_column(rows.column_names.index("y"), "y", pa.array(turned_y))


class TestRolling:
    """The last 14 days are held out, in two parts of a week: days 46 to 52, and 53 to 59."""

    def losses(self, registry, make_context, after: int, **change: Any) -> np.ndarray:
        registry.add("turned", 1, turned(after))
        place = {"dataset": "turned", "configurations": [LIGHT]}
        made = run_train(COMMON | REFIT | place | change, make_context("new"))
        told = run_evaluate(asked(made, None) | {"dataset": "turned"}, make_context("evaluate"))
        return np.array([block["candidate"] for block in told["blocks"]])

    def test_after_a_change_the_last_part_shows_what_its_first_days_teach(self, registry, make_context):
        plain = self.losses(registry, make_context, 47)
        rolled = self.losses(registry, make_context, 47, rolling=True)
        assert rolled[:7] == pytest.approx(plain[:7], rel=1e-6), (
            "the first part has the model from before the holdout"
        )
        assert rolled[7:].mean() < 0.9 * plain[7:].mean()

    def test_no_part_is_answered_by_a_model_that_has_seen_it(self, registry, make_context):
        """What changes on the first day of a part is not known to the model that answers for it."""
        plain = self.losses(registry, make_context, 53)
        rolled = self.losses(registry, make_context, 53, rolling=True)
        assert rolled[7:].mean() > 0.95 * plain[7:].mean()

    def test_after_a_change_the_window_that_knows_most_of_it_serves(self, registry, make_context):
        """The holdout's first part has the change in it; before that every window is as ignorant."""
        registry.add("turned", 1, turned(47))
        place = {"dataset": "turned", "configurations": [LIGHT], "windows": ["all", "10d"], "rolling": True}
        since = run_train(COMMON | REFIT | place | {"since": "2013-08-18"}, make_context("since"))
        assert since["window"] == "10d"

    def test_a_holdout_of_one_part_is_judged_by_the_model_from_before_it(self, registry, make_context):
        plain = self.losses(registry, make_context, 47, holdout_days=6)
        rolled = self.losses(registry, make_context, 47, holdout_days=6, rolling=True)
        assert rolled == pytest.approx(plain, rel=1e-6)


class TestArchived:
    def test_archived_versions_are_told_beside_both_on_days_that_none_had_seen(self, trained, make_context):
        old, champion = trained("old", "2013-08-01T00:00:00Z"), trained("champion", "2013-08-10T00:00:00Z")
        late = trained("late", "2013-08-23T00:00:00Z")
        late["files"] = {"model.onnx": late["files"]["model.onnx"]}
        spans = ("files", "signature", "trained_through", "holdout_from")
        others = [
            {"version": number} | {name: made[name] for name in spans}
            for number, made in ((1, old), (2, late))
        ]
        told = run_evaluate(asked(trained("new", None), champion, archived=others), make_context("evaluate"))
        first, second = told["archived"]
        assert (first["version"], second["version"]) == (1, 2)
        assert [(block["candidate"], block["champion"]) for block in first["blocks"]] == [
            (pytest.approx(block["candidate"]), pytest.approx(block["champion"])) for block in told["blocks"]
        ]
        assert [block["block"] for block in second["blocks"]] == [
            block["block"] for block in told["blocks"][7:]
        ]
        alone = run_evaluate(asked(old, None), make_context("alone"))
        assert [block["archived"] for block in first["blocks"]] != [
            block["candidate"] for block in alone["blocks"]
        ]

    def test_one_that_takes_other_inputs_is_left_out(self, trained, make_context):
        champion, other = (
            trained("champion", "2013-08-10T00:00:00Z"),
            trained("other", "2013-08-01T00:00:00Z", exclude=["unused"]),
        )
        theirs = {name: other[name] for name in ("files", "signature", "trained_through", "holdout_from")}
        told = run_evaluate(
            asked(trained("new", None), champion, archived=[{"version": 4} | theirs]),
            make_context("evaluate"),
        )
        assert told["archived"] == []


class TestByTime:
    def test_without_a_champion_only_the_candidate_is_told(self, trained, make_context, registry):
        candidate = trained("new", None)
        made = run_evaluate(asked(candidate, None), make_context("evaluate"))
        assert made["metrics"]["champion"] is None
        assert made["metrics"]["candidate"]["mse"] == pytest.approx(
            candidate["metrics"]["holdout"]["mse"], rel=1e-4
        )
        assert [block["champion"] for block in made["blocks"]] == [None] * 14
        assert [block["n"] for block in made["blocks"]] == [A_DAY] * 14
        page = registry.store[made["report"]].decode()
        assert "There is no champion" in page
        assert "<svg" in page
        assert not any(word in page for word in ("<script", "src=", "@import"))

    def test_where_nobody_reads_pages_none_is_drawn_and_all_else_is_the_same(
        self, trained, make_context, registry
    ):
        order = asked(trained("new", None), None)
        drawn = run_evaluate(order, make_context("evaluate"))
        kept = dict(registry.store)
        unread = run_evaluate(order, replace(make_context("replayed"), pages=False))
        assert unread == drawn | {"report": None, "effects": []}
        assert registry.store == kept

    def test_a_champion_from_before_the_holdout_is_scored_on_all_of_it(self, trained, make_context, registry):
        champion = trained("old", "2013-08-10T00:00:00Z")
        made = run_evaluate(asked(trained("new", None), champion), make_context("evaluate"))
        assert all(block["champion"] is not None for block in made["blocks"])
        assert made["metrics"]["champion"]["rows"] == 14 * A_DAY
        page = registry.store[made["report"]].decode()
        assert "than the champion&#x27;s on the 14 blocks that neither had seen" in page
        assert "shop = S1" in page

    def test_on_days_its_refit_saw_the_champion_stands_with_its_earlier_graph(self, trained, make_context):
        """Trained through 23 August with a holdout from the 9th on; judged from the 16th to the 29th."""
        champion = trained("old", "2013-08-23T00:00:00Z")
        alone = dict(champion["files"])
        candidate = trained("new", None)
        whole = run_evaluate(asked(candidate, champion), make_context("a"))
        assert all(block["champion"] is not None for block in whole["blocks"])
        leaking = champion | {"files": alone | {"holdout.onnx": alone["model.onnx"]}}
        seen = run_evaluate(asked(candidate, leaking), make_context("b"))
        for early in range(7):
            assert whole["blocks"][early]["champion"] != seen["blocks"][early]["champion"]
        assert whole["blocks"][7:] == seen["blocks"][7:]

    def test_a_day_that_both_its_graphs_have_seen_is_left_out(self, trained, make_context):
        champion = trained("old", "2013-08-23T00:00:00Z")
        champion["files"] = {"model.onnx": champion["files"]["model.onnx"]}
        made = run_evaluate(asked(trained("new", None), champion), make_context("evaluate"))
        assert [block["champion"] is None for block in made["blocks"]] == [True] * 7 + [False] * 7
        assert made["metrics"]["champion"]["rows"] == 7 * A_DAY

    def test_a_champion_that_saw_everything_is_not_compared(self, trained, make_context):
        champion = trained("old", None)
        champion["files"] = {"model.onnx": champion["files"]["model.onnx"]}
        made = run_evaluate(
            asked(champion | {"files": trained("new", None)["files"]}, champion), make_context("e")
        )
        assert made["metrics"]["champion"] is None

    def test_slices_add_up_to_the_whole_and_know_their_days(self, trained, make_context):
        made = run_evaluate(asked(trained("new", None), None), make_context("evaluate"))
        assert sorted(item["value"] for item in made["slices"]) == ["S0", "S1", "S2"]
        assert sum(item["n"] for item in made["slices"]) == 14 * A_DAY
        weighted = sum(item["n"] * item["candidate"] for item in made["slices"]) / (14 * A_DAY)
        assert weighted == pytest.approx(made["metrics"]["candidate"]["mse"])
        assert all(len(item["blocks"]) == 14 for item in made["slices"])

    def test_blocks_are_as_long_as_the_gate_asks(self, trained, make_context):
        """From 1 July to 29 August by weeks: the last 14 days begin on a Friday, so its week is held out whole."""
        candidate = trained("new", None, block="week")
        made = run_evaluate(asked(candidate, None, block="week"), make_context("evaluate"))
        names = [block["block"] for block in made["blocks"]]
        assert names == ["week of 2013-08-12", "week of 2013-08-19", "week of 2013-08-26"]
        assert [block["n"] for block in made["blocks"]] == [7 * A_DAY, 7 * A_DAY, 4 * A_DAY]
        assert candidate["holdout_from"] == "2013-08-12T00:00:00Z"
        assert made["spacing"] == {"unit": "week", "gap": pytest.approx(7.375), "blocks": 9}

    def test_importance_finds_what_the_target_was_made_of(self, trained, make_context):
        made = run_evaluate(asked(trained("new", None), None), make_context("evaluate"))
        found = {item["column"]: item["loss_added"] for item in made["importance"]}
        assert made["importance"][0]["column"] == "x"
        assert found["shop"] > 10 * abs(found["unused"])
        first, second = made["effects"][:2]
        assert (first["column"], second["column"]) == ("x", "shop")
        assert first["points"][-5]["moved"][0] - first["points"][5]["moved"][0] > 3, "five for one of x"
        assert {item["value"] for item in second["categories"]} == {"S0", "S1", "S2"}

    def test_the_same_question_has_the_same_answer(self, trained, make_context):
        candidate, champion = trained("new", None), trained("old", "2013-08-10T00:00:00Z")
        first = run_evaluate(asked(candidate, champion), make_context("a"))
        assert first == run_evaluate(asked(candidate, champion), make_context("b"))


class TestGroups:
    """A model of features alone; the column of groups is none of them."""

    @pytest.fixture
    def lent(self, registry, make_context) -> dict[str, Any]:
        draw = np.random.default_rng(8)
        rows = DAYS * A_DAY
        income = draw.normal(size=rows)
        sex = np.where(draw.random(rows) < 0.7, "m", "f")
        sex[:20], sex[-20:] = "x", "x"
        data = {
            "at": pa.array(START + np.arange(rows) * (DAY // A_DAY), pa.timestamp("us", "UTC")),
            "income": income - (sex == "f"),
            "sex": pa.array(sex.tolist()),
            "repaid": pa.array(np.where(income + draw.normal(size=rows) > 0, "yes", "no").tolist()),
        }
        registry.add("loans", 1, pa.table(data))
        common = COMMON | {"dataset": "loans", "task": "binary", "target": "repaid", "cut": None}
        change = REFIT | {"configurations": [PORTFOLIO[0]], "exclude": ["sex"]}
        made = run_train(common | change, make_context("new"))
        return common | {"candidate": {"files": made["files"], "signature": made["signature"]}}

    def test_groups_of_a_column_that_is_no_feature_are_compared(self, lent, make_context, registry):
        assert [item["column"] for item in lent["candidate"]["signature"]["inputs"]] == ["income"]
        asked_for = {"attributes": [{"column": "sex"}, {"column": "faith"}], "minimumRows": 50}
        made = run_evaluate(lent | {"fairness": asked_for}, make_context("evaluate"))
        told = made["fairness"]
        assert told["favourable"] == "yes"
        assert told["left_out"] == ["faith: the data has no such column"]
        assert [(one["group"], one["reference"]) for one in told["groups"]] == [
            ("m", True), ("f", False), ("x", False)
        ]  # fmt: skip
        rates = {one["group"]: one["metrics"] for one in told["groups"]}
        (selected,) = [item for item in rates["f"] if item["metric"] == "selection_rate"]
        assert selected["gap"]["upper"] < -0.1
        (small,) = [item for item in rates["x"] if item["metric"] == "selection_rate"]
        assert small["small"]
        assert small["gap"] is None
        page = registry.store[made["report"]].decode()
        assert "Groups of protected attributes" in page
        assert "too few rows to be compared" in page
        assert "no finding of discrimination" in page

    def test_a_favourable_class_that_the_data_lacks_is_refused_with_its_remedy(self, lent, make_context):
        asked_for = {"attributes": [{"column": "sex"}], "favourable": "maybe"}
        with pytest.raises(JobError, match="'maybe' is none of no, yes"):
            run_evaluate(lent | {"fairness": asked_for}, make_context("evaluate"))


class TestByFolds:
    @pytest.fixture
    def cancer(self, registry) -> dict[str, Any]:
        frame = load_breast_cancer(as_frame=True).frame.astype({"target": bool})
        registry.add("cancer", 1, pa.Table.from_pandas(frame.iloc[:450], preserve_index=False))
        registry.add("cancer", 2, pa.Table.from_pandas(frame, preserve_index=False))
        change = {"dataset": "cancer", "task": "binary", "target": "target", "event_time": None}
        return COMMON | change | {"cut": None, "holdout_days": None}

    def test_rows_that_both_were_trained_on_are_compared_out_of_fold(self, cancer, make_context):
        one = REFIT | {"configurations": [PORTFOLIO[6]]}
        old = run_train(cancer | one | {"dataset_version": 1}, make_context("old"))
        new = run_train(cancer | one | {"dataset_version": 2}, make_context("new"))
        models = {
            "candidate": {"files": new["files"], "signature": new["signature"]},
            "champion": {"files": old["files"], "signature": old["signature"], "trained_through": None},
        }
        made = run_evaluate(cancer | {"dataset_version": 2, "slices": []} | models, make_context("evaluate"))
        assert made["metrics"]["candidate"] == pytest.approx(new["metrics"]["holdout"])
        assert made["metrics"]["champion"]["rows"] == 569
        assert made["metrics"]["champion"]["auc"] > 0.97
        assert len(made["blocks"]) == 50
        assert sum(block["n"] for block in made["blocks"]) == 569
        same = run_evaluate(
            cancer | {"dataset_version": 2, "slices": []} | models | {"champion": models["candidate"]},
            make_context("same"),
        )
        assert all(block["candidate"] == block["champion"] for block in same["blocks"])

    def test_rows_that_differ_in_the_target_alone_are_each_judged_by_a_model_that_had_not_seen_them(
        self, registry, make_context
    ):
        """Sixteen different rows of features, forty times each, with a target that nothing explains."""
        draw = np.random.default_rng(5)
        columns = {name: draw.integers(0, 2, 640).astype(np.float64) for name in "abcd"}
        registry.add("coins", 1, pa.table(columns | {"head": draw.integers(0, 2, 640).astype(bool)}))
        change = {"dataset": "coins", "task": "binary", "target": "head", "event_time": None}
        common = COMMON | change | {"cut": None, "holdout_days": None}
        new = run_train(common | REFIT | {"configurations": [PORTFOLIO[0]]}, make_context("new"))
        candidate = {"files": new["files"], "signature": new["signature"]}
        made = run_evaluate(
            common | {"slices": [], "candidate": candidate, "champion": None}, make_context("evaluate")
        )
        assert made["metrics"]["candidate"] == pytest.approx(new["metrics"]["holdout"])


@pytest.mark.parametrize("by", ["days", "folds"])
def test_a_champion_that_knew_a_number_in_fewer_bits_is_compared_as_it_was(registry, make_context, by):
    rows, draw = DAYS * A_DAY // 2, np.random.default_rng(4)
    near = draw.integers(0, 40, rows)
    data = {
        "at": pa.array(START + np.arange(rows) * (2 * DAY // A_DAY), pa.timestamp("us", "UTC")),
        "meter": 1_700_000_000 + near,
        "y": near + draw.normal(0, 0.5, rows),
    }
    registry.add("rows", 1, pa.table(data))
    change = {} if by == "days" else {"event_time": None, "holdout_days": None, "exclude": ["at"]}
    cut = "2013-08-10T00:00:00Z" if by == "days" else None

    def refit(key: str, exact: list[str], cut: str | None) -> dict[str, Any]:
        configuration = LIGHT | {"exact": exact}
        spec = COMMON | REFIT | {"cut": cut, "configurations": [configuration]} | change
        return run_train(spec, make_context(key))

    champion, candidate = refit("old", [], cut), refit("new", ["meter"], None)
    told = {name: value for name, value in change.items() if name != "exclude"} | {"slices": []}
    metrics = run_evaluate(asked(candidate, champion, **told), make_context("evaluate"))["metrics"]
    assert metrics["champion"]["rows"] == metrics["candidate"]["rows"]
    assert metrics["candidate"]["r2"] > 0.8
    assert abs(metrics["champion"]["r2"]) < 0.2
