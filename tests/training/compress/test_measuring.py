"""Measurements have error bars, and what they and the losses say is decided by one rule each."""

from datetime import date

import numpy as np
import pytest
from tests.training.compress.conftest import FAST, NODE, SLOW

from millrace_contracts import traffic
from millrace_contracts.compressing import CompressPlan
from millrace_stats import tasks
from millrace_training.compress import judging, measure


class Form:
    """Takes its time on a clock that only it moves."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.calls = clock, seconds, 0

    def run(self, outputs, feeds):
        self.calls += 1
        self.clock.now += self.seconds(self.calls) * len(feeds["x"])
        return []


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_rounds_in_turn_give_a_ratio_with_bounds():
    clock = Clock()
    noisy = lambda call: 0.002 * (1 + 0.2 * (call % 7 == 0))  # noqa: E731
    forms = Form(clock, noisy), Form(clock, lambda call: 0.001)
    told = measure.measure(*forms, {"x": np.zeros((5, 1))}, [1, 8], NODE, True, clock)
    assert [(item.batch, round(item.ratio, 2)) for item in told.speed_up] == [(1, 2.0), (8, 2.0)]
    assert all(item.lower <= item.ratio <= item.upper for item in told.speed_up)
    one, eight = told.variant
    assert (one.p10, one.repeats, one.spread) == (
        pytest.approx(1.0),
        measure.ROUNDS,
        pytest.approx(0.0, abs=1e-6),
    )
    assert eight.p10 == pytest.approx(8.0)
    assert told.base[0].p99 > told.base[0].p10


def test_whose_requests_the_batch_sizes_are_of_stands_with_the_measurement():
    clock = Clock()
    form = Form(clock, lambda call: 0.001)
    sizes = traffic.of_days([(date(2024, 3, 1), {"1": 60, "30": 60})])
    told = measure.measure(form, form, {"x": np.zeros((5, 1))}, sizes.batches, NODE, True, clock, sizes)
    assert told.traffic == sizes
    assert [item.batch for item in told.speed_up] == [1, 30]


def test_another_model_may_answer_otherwise_as_long_as_its_loss_is_as_good(sharp):
    base, target = sharp
    other = base.copy()
    other[:3] = np.roll(base[:3], 1, axis=1)
    plan = CompressPlan(margin=0.5)
    assert judging.quality(judged(base, target), other, plan, 0.0).fault is None
    assert judging.quality(judged(base, target), other, plan, 0.999).fault is not None


def test_a_machine_that_changes_its_mind_leaves_wide_bounds():
    clock = Clock()
    wild = lambda call: 0.001 * (1 + (call // 50) % 3)  # noqa: E731
    told = measure.measure(
        Form(clock, wild), Form(clock, lambda call: 0.001), {"x": np.zeros((1, 1))}, [1], NODE, True, clock
    )
    (speed,) = told.speed_up
    assert speed.upper - speed.lower > 0.2


def judged(base, target, blocks=20):
    labels = np.arange(len(target)) % blocks
    return judging.Judged(tasks.of("multiclass"), target, base, labels, str)


@pytest.fixture
def sharp():
    """Three classes, told with certainty; rows (600, 3)."""
    target = np.random.default_rng(0).integers(0, 3, 600).astype(float)
    base = np.full((600, 3), 0.05)
    base[np.arange(600), target.astype(int)] = 0.9
    return base, target


def test_the_same_answers_are_as_good(sharp):
    good = judging.quality(judged(*sharp), sharp[0].copy(), CompressPlan())
    assert (good.agreement, good.fault) == (1.0, None)
    assert judging.decide(6, [], good, FAST, None, [1, 8]).state == "kept"
    assert judging.decide(0, [], good, FAST, None, [1, 8]).reason.startswith("it has 0 Q/DQ nodes")
    assert (
        judging.decide(6, ["a rule"], good, None, None, [1]).reason == "its target would not take it: a rule"
    )
    assert judging.decide(6, [], good, SLOW, None, [8]).state == "kept"
    assert judging.decide(6, [], good, None, "no GPU", [1]).state == "unmeasured"


def test_other_answers_are_refused_by_their_share(sharp):
    base, target = sharp
    other = base.copy()
    other[:12] = np.roll(base[:12], 1, axis=1)
    good = judging.quality(judged(base, target), other, CompressPlan())
    assert good.fault == "it answers 98.00% of the rows as the base form does, 99% are wanted"


def test_the_same_classes_with_worse_probabilities_are_refused_by_their_loss(sharp):
    base, target = sharp
    blunt = 0.9 * base + 0.1 / 3
    good = judging.quality(judged(base, target), blunt, CompressPlan())
    assert good.agreement == 1.0
    assert "above the margin of +2.0%" in good.fault


def test_one_slice_that_suffers_is_enough(sharp):
    base, target = sharp
    texts = {"shop": np.where(np.arange(600) < 200, "small", "large")}
    hurt = base.copy()
    hurt[:200] = 0.95 * base[:200] + 0.05 / 3
    rows = judged(base, target)
    rows = judging.Judged(rows.task, target, base, np.arange(600) // 10, str, texts)
    good = judging.quality(rows, hurt, CompressPlan(margin=0.5, minimum_rows=100))
    assert good.difference.verdict == "passed"
    assert good.fault.startswith("where shop is small: ")


def test_what_is_no_number_is_refused(sharp):
    base, target = sharp
    broken = base.copy()
    broken[3] = np.nan
    assert (
        judging.quality(judged(base, target), broken, CompressPlan()).fault == "it answers what is no number"
    )


def test_too_few_blocks_are_not_enough(sharp):
    good = judging.quality(judged(*sharp, blocks=5), sharp[0], CompressPlan())
    assert good.fault == "5 blocks are too few, 14 are needed"
