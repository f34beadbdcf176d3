"""Agreement is what the papers say it is."""

import time

import pytest

from millrace_stats import agreement

WATCHED = """
A 1 2 3 3 2 1 4 1 2 . . .
B 1 2 3 3 2 2 4 1 2 5 . 3
C . 3 3 3 2 3 4 2 2 5 1 .
D 1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Four observers and twelve units of Krippendorff (2011), part C."""


def looks():
    rows = [line.split()[1:] for line in WATCHED.strip().splitlines()]
    return [[int(value) for value in unit if value != "."] for unit in zip(*rows, strict=True)]


@pytest.mark.parametrize(("scale", "value"), [("nominal", 0.743), ("interval", 0.849)])
def test_alpha_is_krippendorffs_of_his_own_example(scale, value):
    assert agreement.alpha(looks(), scale) == pytest.approx(value, abs=0.0006)


def test_kappa_is_cohens_of_fifty_grants():
    """20 both yes, 5 and 10 one of them, 15 both no."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert agreement.cohen(first, second) == pytest.approx(0.4)


def test_agreement_by_chance_alone_is_none_and_full_agreement_is_one():
    chance = [["a", "a"], ["a", "b"], ["b", "a"], ["b", "b"]] * 200
    assert abs(agreement.alpha(chance)) < 0.01
    assert agreement.same(chance) == 0.5
    assert agreement.alpha([["a", "a"], ["b", "b"]]) == 1


def test_what_cannot_be_told_is_not_told():
    assert agreement.alpha([]) is None
    assert agreement.alpha([["a"], ["b"]]) is None
    assert agreement.alpha([["a", "a"], ["a", "a"]]) is None
    assert agreement.same([["a"]]) is None
    assert agreement.cohen(["a"], ["a"]) is None


@pytest.mark.parametrize("scale", ["nominal", "interval"])
def test_fifty_thousand_different_numbers_take_no_more_than_a_moment(scale):
    """A page asks for it at each label, in the service that takes the log of predictions."""
    began = time.process_time()
    found = agreement.alpha([[number, number + 1] for number in range(0, 50_000, 2)], scale)
    assert time.process_time() - began < 5
    assert found == pytest.approx(0.0 if scale == "nominal" else 1.0, abs=1e-4)
