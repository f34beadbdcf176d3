"""Three verdicts, each with its numbers; a failed gate outweighs all others."""

from datetime import date

import numpy as np
import pytest
from tests.controller.test_rules import spec

from millrace_contracts.learning import Block, EvaluateResult
from millrace_controller.gates import judge as gates_of
from millrace_controller.gates.past import Past
from millrace_stats.stakes import Prices


def judge(spec, evaluation, champion=None):
    found = gates_of.judge(spec, EvaluateResult.model_validate(evaluation), champion)
    return found.model_dump(mode="json")


def evaluation(difference=0.0, days=28, champion=True, r2=0.9, noise=0.005, slices=()):
    rng = np.random.default_rng(5)
    blocks = [
        {
            "block": f"2013-03-{day:02d}",
            "n": 900,
            "candidate": 100 * (1 + difference + noise * rng.normal()),
            "champion": 100.0 if champion else None,
        }
        for day in range(1, days + 1)
    ]
    metrics = {"candidate": {"r2": r2, "rmse": 10.0}, "champion": {"rmse": 10.0} if champion else None}
    return {"metrics": metrics, "blocks": blocks, "slices": list(slices)}


@pytest.mark.parametrize(
    ("difference", "days", "noise", "verdict"),
    [
        (-0.05, 28, 0.005, "passed"),
        (0.1, 28, 0.005, "failed"),
        (0.02, 28, 0.05, "inconclusive"),
        (-0.05, 5, 0.005, "inconclusive"),
    ],
)
def test_the_champion_gate_has_three_verdicts(difference, days, noise, verdict):
    found = judge(spec(), evaluation(difference, days, noise=noise))
    assert found["verdict"] == verdict
    assert found["reason"]


def test_the_first_model_needs_no_champion_but_must_be_useful():
    assert judge(spec(), evaluation(champion=False))["verdict"] == "passed"
    useless = judge(spec(), evaluation(champion=False, r2=-0.1))
    assert useless["verdict"] == "failed"
    assert "constant" in useless["reason"]


def test_an_absolute_bound_is_a_gate_of_its_own():
    gates = {"absolute": [{"metric": "rmse", "atMost": 9}]}
    found = judge(spec(gates=gates), evaluation(-0.05))
    assert found["verdict"] == "failed"
    assert "9" in found["reason"]


def test_a_metric_that_is_not_there_is_inconclusive_not_passed():
    gates = {"absolute": [{"metric": "mae", "atMost": 0.7}]}
    assert judge(spec(gates=gates), evaluation(-0.05))["verdict"] == "inconclusive"


def test_a_slice_that_got_worse_fails_a_candidate_that_is_better_on_the_whole():
    worse = {
        "column": "origin",
        "value": "JFK",
        "n": 9000,
        "candidate": 1,
        "champion": 1,
        "blocks": evaluation(0.3)["blocks"],
    }
    fine = {
        "column": "origin",
        "value": "LGA",
        "n": 9000,
        "candidate": 1,
        "champion": 1,
        "blocks": evaluation(-0.1)["blocks"],
    }
    gates = {"slices": {"columns": ["origin"]}}
    found = judge(spec(gates=gates), evaluation(-0.05, slices=[worse, fine]))
    assert found["verdict"] == "failed"
    assert "origin=JFK" in found["reason"]
    assert judge(spec(), evaluation(-0.05, slices=[worse]))["verdict"] == "passed", (
        "slices that nobody asked for"
    )


def test_blocks_that_the_champion_had_seen_do_not_count():
    mixed = evaluation(-0.05)
    for block in mixed["blocks"][:20]:
        block["champion"] = None
    assert judge(spec(), mixed)["verdict"] == "inconclusive"


def test_a_champion_that_could_be_compared_on_no_row_is_inconclusive_not_passed():
    found = judge(spec(), evaluation(champion=False), champion=True)
    assert found["verdict"] == "inconclusive"
    assert "0 blocks" in found["reason"]


def test_with_a_champion_only_the_comparison_counts_after_the_world_has_changed():
    assert judge(spec(), evaluation(-0.05, r2=-0.1))["verdict"] == "passed"


def one_class(task, **more):
    """An evaluation on rows of one class: who always says that class is as good as it gets."""
    floor = {"binary": "auc", "multiclass": "skill"}[task]
    numbers = {floor: None, "log_loss": 0.01, "accuracy": 1.0}
    return evaluation(-0.98, **more) | {
        "metrics": {"candidate": numbers, "champion": numbers if more.get("champion", True) else None}
    }


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("champion", [False, True])
def test_a_holdout_of_one_class_is_inconclusive_and_the_remedy_is_told(task, champion):
    found = judge(spec(task=task), one_class(task, champion=champion))
    assert found["verdict"] == "inconclusive"
    assert "only one class in the last 28d" in found["reason"]
    assert "training.holdout longer" in found["reason"]


def test_without_event_time_a_holdout_of_one_class_asks_for_other_rows():
    found = judge(spec(task="binary", data={"dataset": "sales"}), one_class("binary", champion=False))
    assert found["verdict"] == "inconclusive"
    assert "push rows with another" in found["reason"]


@pytest.mark.parametrize(("skill", "verdict"), [(0.4, "passed"), (0.0, "failed"), (-0.2, "failed")])
def test_a_first_model_of_many_classes_must_know_more_than_how_frequent_they_are(skill, verdict):
    numbers = {"candidate": {"skill": skill, "macro_f1": 0.5}, "champion": None}
    found = judge(spec(task="multiclass"), evaluation(champion=False) | {"metrics": numbers})
    assert found["verdict"] == verdict
    assert "how frequent each class is" in found["reason"]


@pytest.mark.parametrize(
    ("metric", "bound", "verdict"), [("macro_f1", 0.4, "passed"), ("accuracy", 0.9, "failed")]
)
def test_many_classes_have_absolute_bounds_of_their_own(metric, bound, verdict):
    numbers = {"candidate": {"skill": 0.4, "macro_f1": 0.5, "accuracy": 0.8}, "champion": None}
    gates = {"absolute": [{"metric": metric, "atLeast": bound}]}
    found = judge(spec(task="multiclass", gates=gates), evaluation(champion=False) | {"metrics": numbers})
    assert found["verdict"] == verdict


def monthly(held, months, known=None):
    """An evaluation of so many months with rows in the holdout, of all *months*; the champion may have seen some."""
    made = evaluation(-0.05, days=held)
    for block in made["blocks"][: held - (held if known is None else known)]:
        block["champion"] = None
    return made | {"spacing": {"unit": "month", "gap": 30.4, "blocks": months}}


def test_too_few_months_are_told_with_the_holdout_that_would_hold_enough():
    found = judge(spec(), monthly(1, 60))
    assert found["verdict"] == "inconclusive"
    assert (
        "the last 28d, which are kept out of training, have 1 month with rows, and 14 are needed"
        in found["reason"]
    )
    assert "one comes every 30 days, so training.holdout: 426d holds enough" in found["reason"]
    short = judge(spec(), monthly(1, 20))
    assert "the data has 20 months in all, so push older rows, or wait" in short["reason"]
    assert "minimumDays may be as low as 3" in short["reason"]


def test_months_that_the_champion_has_seen_come_back_with_newer_rows():
    found = judge(spec(), monthly(16, 60, known=4))
    assert found["verdict"] == "inconclusive"
    assert "the champion may have seen the rows of 12 of the 16 months" in found["reason"]


def test_four_months_decide_where_four_are_asked_for():
    gates = {"champion": {"minimumDays": 4, "block": "month"}}
    assert judge(spec(gates=gates), monthly(4, 60))["verdict"] == "passed"


STRICT = {"gates": {"policy": "strict"}}


def blocks(difference, noise, month, seed=1, days=28):
    """Blocks whose differences have exactly this mean and spread."""
    draw = np.random.default_rng(seed).normal(size=days)
    shares = 1 + difference + noise * (draw - draw.mean()) / draw.std()
    return [
        {"block": f"2013-{month:02d}-{day:02d}", "n": 900, "candidate": 100.0 * share, "champion": 100.0}
        for day, share in enumerate(shares, start=1)
    ]


def past(*earlier, prices=None, told="by the loop's own history"):
    return Past(tuple(map(Block.model_validate, earlier)), prices or Prices(30.0, 30.0), told)


def of(difference, noise, before=None, month=6, **more):
    found = evaluation() | {"blocks": blocks(difference, noise, month)}
    return gates_of.judge(spec(**more), EvaluateResult.model_validate(found), True, before)


class TestPolicy:
    def test_what_is_not_proven_but_looks_better_passes_by_what_is_at_stake(self):
        found = of(-0.05, 0.3)
        assert found.verdict == "passed"
        assert "not proven, so what is at stake decides" in found.reason
        gate = found.gates[0]
        assert gate.number("promoting_costs") < gate.number("keeping_costs")

    def test_the_strict_policy_asks_for_proof(self):
        found = of(-0.05, 0.3, **STRICT)
        assert found.verdict == "inconclusive"
        assert "at stake" not in found.reason

    def test_what_looks_worse_is_kept_back_by_both(self):
        assert of(0.05, 0.3).verdict == of(0.05, 0.3, **STRICT).verdict == "inconclusive"

    def test_what_is_proven_worse_fails_however_cheap_a_wrong_promotion_is(self):
        assert of(0.1, 0.02, past(prices=Prices(1.0, 2.0))).verdict == "failed"

    def test_a_price_decides_between_two_ways_that_are_nearly_even(self):
        dear, cheap = past(prices=Prices(60.0, 30.0)), past(prices=Prices(30.0, 60.0))
        assert of(-0.01, 0.3, dear).verdict == "inconclusive"
        assert of(0.005, 0.3, cheap).verdict == "passed"

    def test_one_catastrophic_day_keeps_it_back(self):
        found = evaluation() | {"blocks": blocks(-0.1, 0.05, 6)}
        found["blocks"][5] = found["blocks"][5] | {"candidate": 900.0}
        assert judge(spec(), found)["verdict"] == "inconclusive"

    def test_too_few_blocks_decide_nothing_by_stakes_either(self):
        assert judge(spec(), evaluation(-0.05, 5, noise=0.3))["verdict"] == "inconclusive"

    @pytest.mark.parametrize(
        "more",
        [
            {"data": {"dataset": "d"}, "triggers": {}},
            {"switchBack": {"enabled": False}},
            {"switchBack": {"candidates": 0}},
            {"monitoring": {"retention": {"archived": 0}}},
        ],
    )
    def test_without_a_way_back_proof_is_asked_for_and_balanced_is_refused(self, more):
        assert spec().gate_policy() == "balanced"
        assert spec(**more).gate_policy() == "strict"
        with pytest.raises(ValueError, match="a wrong promotion is not undone"):
            spec(**more, gates={"policy": "balanced"})


class TestEvidenceOfEarlierRuns:
    EARLIER = (*blocks(-0.05, 0.12, 4, seed=2), *blocks(-0.05, 0.12, 5, seed=3))

    def test_it_decides_where_the_new_blocks_alone_do_not(self):
        assert of(-0.01, 0.12, **STRICT).verdict == "inconclusive"
        found = of(-0.01, 0.12, past(*self.EARLIER), **STRICT)
        assert found.verdict == "passed"
        assert "with 56 blocks of earlier runs against the same champion" in found.reason
        assert found.gates[0].number("carried_blocks") == 56

    def test_new_blocks_that_are_against_it_outweigh_it(self):
        assert of(0.03, 0.12, past(*self.EARLIER), **STRICT).verdict == "inconclusive"

    def test_a_day_that_is_judged_anew_counts_once(self):
        again = past(*blocks(-0.5, 0.01, 6, seed=4))
        assert of(-0.01, 0.12, again, **STRICT).reason == of(-0.01, 0.12, **STRICT).reason


def archived(version, loss, noise=0.005, days=28):
    """An archived version beside a candidate of about 100 and a champion of 100."""
    rng = np.random.default_rng(version)
    found = evaluation(days=days)["blocks"]
    return {
        "version": version,
        "blocks": [block | {"archived": loss * (1 + noise * rng.normal())} for block in found],
    }


class TestArchive:
    """A version that was replaced answers again where it is better than who would answer else."""

    def told(self, *items, difference=0.0, **declared):
        return judge(spec(**declared), evaluation(difference) | {"archived": list(items)})

    def test_one_that_is_better_than_the_champion_comes_back_and_the_candidate_goes_nowhere(self):
        found = self.told(archived(1, 90.0), archived(2, 85.0), difference=0.3)
        assert (found["verdict"], found["back"]) == ("failed", 2)
        assert "version 2, the best of 2 archived, differs from the champion by -15.0%" in found["reason"]

    def test_one_that_is_better_than_the_champion_but_not_than_a_good_candidate_stays(self):
        good = evaluation(-0.2)
        for item, block in zip(old := archived(1, 90.0)["blocks"], good["blocks"], strict=True):
            item["candidate"] = block["candidate"]
        found = judge(spec(), good | {"archived": [{"version": 1, "blocks": old}]})
        assert found["verdict"] == "passed"
        assert "back" not in found
        assert "differs from the candidate" in found["gates"][-1]["reason"]

    @pytest.mark.parametrize("loss", [100.0, 99.0, 110.0])
    def test_one_that_gains_less_than_a_way_back_needs_stays(self, loss):
        found = self.told(archived(1, loss), difference=0.3)
        assert (found["gates"][-1]["verdict"], found.get("back")) == ("passed", None)

    def test_strict_wants_proof_where_balanced_weighs(self):
        noisy = archived(1, 80.0, noise=1.5)
        assert self.told(noisy, difference=0.3)["back"] == 1
        assert "back" not in self.told(noisy, difference=0.3, gates={"policy": "strict"})
        assert self.told(archived(1, 80.0), difference=0.3, gates={"policy": "strict"})["back"] == 1

    def test_one_that_is_better_by_luck_as_likely_as_not_stays(self, monkeypatch):
        """Days that differ much: a gain of several percent, and p above a quarter."""
        lucky = archived(1, 92.0, noise=1.5)
        told = self.told(lucky, difference=0.3)["gates"][-1]
        assert told["difference"] < -0.02
        assert 0.25 < told["p_better"] < 0.5
        assert told["verdict"] == "passed"
        assert "with p below 0.25; p is 0." in told["reason"]
        monkeypatch.setattr("millrace_controller.gates.archive.LIKELY", 1.0)
        assert self.told(lucky, difference=0.3)["back"] == 1

    def test_the_error_of_a_proof_is_split_over_all_that_are_looked_at(self):
        """p is between 0.05 / 5 and 0.05: alone it would be proof, as the best of five it is not."""
        likely, strict = archived(3, 95.0, noise=0.11), {"policy": "strict"}
        alone = self.told(likely, difference=0.3, gates=strict)
        assert 0.01 < alone["gates"][-1]["p_better"] < 0.05
        assert alone["back"] == 3
        others = [archived(version, 150.0) for version in (4, 5, 6, 7)]
        assert "back" not in self.told(likely, *others, difference=0.3, gates=strict)

    def test_too_few_days_bring_nobody_back(self):
        found = self.told(archived(1, 50.0, days=5), difference=0.3)
        assert "archive" not in [gate["name"] for gate in found["gates"]]

    def test_a_loop_that_does_not_go_back_looks_at_none(self):
        found = self.told(archived(1, 50.0), difference=0.3, switchBack={"enabled": False})
        assert "archive" not in [gate["name"] for gate in found["gates"]]


class TestSinceAChange:
    """A candidate that was worse until 20 March and is better since, as the world has turned."""

    SINCE = date(2013, 3, 21)

    def turned(self, before=0.3, behind=-0.1, archived=()):
        blocks = evaluation(before)["blocks"][:20] + evaluation(behind)["blocks"][20:]
        return EvaluateResult.model_validate(evaluation() | {"blocks": blocks, "archived": list(archived)})

    def told(self, since, *more, **given):
        return gates_of.judge(spec(), self.turned(*more, **given), True, since=since)

    def test_only_the_days_since_count(self):
        assert self.told(None).verdict == "inconclusive"
        found = self.told(self.SINCE)
        assert found.verdict == "passed"
        gate = found.gates[0].model_dump()
        assert gate["blocks"] == 8
        assert "only days from 2013-03-21 on are judged" in gate["reason"]

    def test_what_is_worse_since_fails_however_good_it_was_before(self):
        assert self.told(None, -0.3, 0.1).verdict == "passed"
        assert self.told(self.SINCE, -0.3, 0.1).verdict == "failed"

    def test_a_week_is_judged_at_least(self):
        found = self.told(date(2013, 3, 27))
        assert found.gates[0].model_dump()["blocks"] == 7

    def test_the_way_back_is_decided_by_these_days_too(self):
        def of(loss_before, loss_behind):
            lines = [
                {
                    "block": f"2013-03-{day:02d}", "n": 900, "candidate": 100.0, "champion": 100.0,
                    "archived": loss_before if day <= 20 else loss_behind,
                }
                for day in range(1, 29)
            ]  # fmt: skip
            return [{"version": 2, "blocks": lines}]

        assert self.told(None, 0.0, 0.3, archived=of(130.0, 60.0)).back is None
        assert self.told(self.SINCE, 0.0, 0.3, archived=of(130.0, 60.0)).back == 2
        assert self.told(self.SINCE, 0.0, 0.3, archived=of(60.0, 130.0)).back is None

    def test_what_runs_before_the_change_have_told_counts_for_nothing(self):
        earlier = Past(blocks=tuple(blocks(-0.2, 0.001, month=2)))
        turn = gates_of.turn.narrowed(spec(), self.turned(), earlier, self.SINCE)
        assert turn.past.blocks == ()
        assert gates_of.turn.narrowed(spec(), self.turned(), earlier, None).past == earlier
