"""Contributions add up, and are those of the definition: every coalition asked, for trees and for anything else."""

from itertools import permutations

import numpy as np
import pytest

from millrace_stats import shapley
from millrace_stats.shapley import Splits, Trees


def forest(draw, trees=6, columns=5, depth=4):
    """Random trees with missing values going either way."""
    parts = {
        name: [] for name in ("feature", "threshold", "left", "right", "missing_left", "strict", "value")
    }
    roots = []

    def grow(level):
        at = len(parts["feature"])
        for name, value in (("feature", draw.integers(columns)), ("threshold", np.float32(draw.normal())),
                            ("left", -1), ("right", -1), ("missing_left", bool(draw.integers(2))),
                            ("strict", bool(draw.integers(2))), ("value", draw.normal())):  # fmt: skip
            parts[name].append(value)
        if level < depth and draw.random() < 0.85:
            parts["left"][at] = grow(level + 1)
            parts["right"][at] = grow(level + 1)
        return at

    for _ in range(trees):
        roots.append(grow(0))
    kinds = {"threshold": np.float32, "missing_left": bool, "strict": bool, "value": float}
    made = {name: np.array(values, kinds.get(name, np.int64)) for name, values in parts.items()}
    return Splits(**made, roots=np.array(roots))


def answers(splits, matrix):
    """The sum of the trees, walked node by node."""
    found = []
    for row in matrix:
        total = 0.0
        for root in splits.roots:
            node = root
            while splits.left[node] >= 0:
                cell, at = row[splits.feature[node]], splits.threshold[node]
                left = (
                    splits.missing_left[node]
                    if np.isnan(cell)
                    else cell < at
                    if splits.strict[node]
                    else cell <= at
                )
                node = splits.left[node] if left else splits.right[node]
            total += splits.value[node]
        found.append(total)
    return np.array(found)


def worth_of(model, row, background, owner):
    """The game by its definition."""
    owner = np.array(owner)

    def worth(masks):
        return np.array([model(np.where(mask[owner], row, background)).mean() for mask in masks])

    return worth


def by_definition(worth, players):
    """The mean over every order in which players can join."""
    made, orders = np.zeros(players), list(permutations(range(players)))
    for order in orders:
        mask = np.zeros((1, players), bool)
        before = worth(mask)[0]
        for player in order:
            mask[0, player] = True
            after = worth(mask)[0]
            made[player] += after - before
            before = after
    return made / len(orders)


@pytest.mark.parametrize("seed", range(6))
def test_trees_are_solved_exactly_also_where_two_columns_are_one_input(seed):
    draw = np.random.default_rng(seed)
    splits, owner = forest(draw), [0, 1, 1, 2, 3]
    matrix = draw.normal(size=(9, 5)).astype(np.float32)
    matrix[draw.random(matrix.shape) < 0.15] = np.nan
    row, background = matrix[0], matrix[1:]
    found = Trees(splits, owner).shares(row, background, 4)
    expected = by_definition(worth_of(lambda rows: answers(splits, rows), row, background, owner), 4)
    assert found.contributions == pytest.approx(expected, abs=1e-9)
    assert found.base == pytest.approx(answers(splits, background).mean())
    assert found.answer == pytest.approx(answers(splits, row[None])[0])
    assert found.errors is None


def product(rows):
    return rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2:]).sum(axis=1)


def test_few_inputs_are_solved_exactly_whatever_the_model():
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(5, 5))
    worth = worth_of(product, matrix[0], matrix[1:], range(5))
    found = shapley.of_worth(worth, 5, range(5), 0)
    assert found.method == "coalitions"
    assert found.contributions == pytest.approx(by_definition(worth, 5))
    assert found.base + found.contributions.sum() == pytest.approx(product(matrix[:1])[0])


def test_many_inputs_are_estimated_add_up_all_the_same_and_say_how_surely():
    draw = np.random.default_rng(2)
    matrix = draw.normal(size=(5, 14))
    row, background = matrix[0], matrix[1:]
    worth = worth_of(product, row, background, range(14))
    found = shapley.of_worth(worth, 14, range(14), 0)
    assert found.method == "permutations"
    assert found.base + found.contributions.sum() == pytest.approx(found.answer)
    assert found.answer == pytest.approx(product(row[None])[0])
    exact = np.zeros(14)  # of a sum its terms, of a product of two half of what it gains by each
    exact[2:] = np.sin(row[2:]) - np.sin(background[:, 2:]).mean(axis=0)
    a, b, x, y = row[0], row[1], background[:, 0], background[:, 1]
    exact[0], exact[1] = ((a - x) * (b + y)).mean() / 2, ((b - y) * (a + x)).mean() / 2
    assert found.contributions == pytest.approx(
        exact, abs=1e-9
    )  # opposite orders cancel what two do together
    assert (found.errors >= 0).all()


def test_what_does_not_differ_moves_nothing_and_is_not_asked():
    row = np.array([1.0, 2.0, 3.0])
    worth = worth_of(lambda rows: rows.sum(axis=1), row, np.array([[0.0, 2.0, 3.0]]), range(3))
    found = shapley.of_worth(worth, 3, [0], 0)
    assert found.contributions.tolist() == [1.0, 0.0, 0.0]


def test_what_cannot_be_asked_in_time_is_not_answered():
    row = np.ones(14)
    worth, asked = worth_of(product, row, np.zeros((1, 14)), range(14)), []

    def patient(questions):
        def until(masks):
            asked.append(len(masks))
            if len(asked) > questions:
                raise shapley.OutOfTime
            return worth(masks)

        return until

    with pytest.raises(shapley.OutOfTime):
        shapley.of_worth(patient(3), 14, range(14), 0)
    asked.clear()
    found = shapley.of_worth(patient(1 + 2 * 5), 14, range(14), 0)
    assert found.base + found.contributions.sum() == pytest.approx(found.answer)


def test_a_forest_of_leaves_alone_moves_nothing():
    splits = forest(np.random.default_rng(3), trees=2, depth=0)
    found = Trees(splits, [0, 1, 2, 3, 4]).shares(np.zeros(5, np.float32), np.ones((3, 5), np.float32), 5)
    assert not found.contributions.any()
    assert found.answer == pytest.approx(splits.value.sum())


def test_what_trees_have_to_hold_is_known_before_it_is_held():
    splits = forest(np.random.default_rng(5), trees=20, depth=6)
    assert shapley.steps(splits) == len(Trees(splits, range(5))._node)
