"""Judges configurations on rows that no model has seen, and fits the best again on everything."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_training.automl import splits
from millrace_training.automl.fitting import Fit
from millrace_training.automl.plan import CROSS_VALIDATE, Plan
from millrace_training.automl.seeds import key_of


@dataclass(frozen=True)
class Tried:
    """A configuration on a *window* before the holdout, and what it has *predicted* for that."""

    configuration: Configuration
    window: str
    predicted: np.ndarray


@dataclass(frozen=True)
class Judged(Tried):
    """The best of all that were *tried*, and its graph from before the holdout."""

    graph: bytes
    tried: list[Tried]


@dataclass(frozen=True)
class Final:
    """The graph of everything in the window: its rows, their first day (None without time), and the parity gate."""

    graph: bytes
    rows: int
    first_day: int | None
    parity: dict[str, float] | None


def on_holdout(plan: Plan, configurations: list[Configuration], split: splits.TimeSplit) -> Judged:
    """Fit each configuration on each window before the holdout; the one with the least loss on it."""
    holdout = plan.place.keep_rows("holdout", split.holdout)
    works, wanted = list[Fit](), list[tuple[Configuration, str]]()
    for window, rows in splits.windows(plan.table, plan.spec.windows, split):
        train = plan.place.keep_rows(f"before-{window}", rows)
        for configuration in configurations:
            name = f"judged-{key_of(window, configuration)}"
            works.append(plan.exported(plan.fit(configuration, name, train, holdout)))
            wanted.append((configuration, window))
    results = list(plan.run("judge", works))
    tried = [Tried(*pair, result.predicted()) for pair, result in zip(wanted, results, strict=True)]
    place = _best(plan, tried, split.holdout, np.arange(len(split.holdout)))
    best, model = tried[place], results[place].model
    assert model is not None
    return Judged(best.configuration, best.window, best.predicted, Path(model).read_bytes(), tried)


def _best(plan: Plan, tried: list[Tried], holdout: np.ndarray, places: np.ndarray) -> int:
    """Which has the least loss on these *places* of the holdout's rows."""
    return int(np.argmin([plan.mean_loss(holdout[places], item.predicted[places]) for item in tried]))


def rolled(plan: Plan, best: Judged, split: splits.TimeSplit) -> np.ndarray:
    """Answers for the holdout's rows, each part of it by a model that is fitted on all days before that part.

    A model that lacks the whole holdout cannot show what the newest days teach; this is what retraining now brings.
    What is fitted is chosen anew for each part, by the other parts alone: a choice by the very rows that are judged
    would look better than it is, the more the more were tried. The first part is answered by models that are there.
    """
    table, answers = plan.table, best.predicted.copy()
    assert table.days is not None
    days, works, parts = table.days[split.holdout], list[Fit](), list[np.ndarray]()
    borders = splits.parts(days, plan.spec.block)
    if not borders:
        return answers
    begins = [split.first_holdout_day, *borders]
    for begin, end in zip(begins, [*borders, split.end_day], strict=True):
        here = (days >= begin) & (days < end)
        part = np.flatnonzero(here)
        chosen = best.tried[_best(plan, best.tried, split.holdout, np.flatnonzero(~here))]
        answers[part] = chosen.predicted[part]
        if begin == split.first_holdout_day:
            continue
        rows = splits.window_rows(table, np.flatnonzero(table.days < begin), chosen.window, begin)
        name = f"rolled-{begin}-{key_of(chosen.window, chosen.configuration)}"
        train = plan.place.keep_rows(f"{name}-before", rows)
        predict = plan.place.keep_rows(f"{name}-part", split.holdout[part])
        works.append(plan.fit(chosen.configuration, name, train, predict))
        parts.append(part)
    for part, result in zip(parts, plan.run("roll", works), strict=True):
        answers[part] = result.predicted()
    return answers


def out_of_fold(plan: Plan, configuration: Configuration, folds: str) -> np.ndarray:
    """Predictions of every row by a model that was not fitted on its fold."""
    work = plan.cross_validation(configuration, f"oof-{key_of(configuration)}", folds)
    (result,) = plan.context.map(CROSS_VALIDATE, [work], plan.spec.executor)
    predicted: np.ndarray = result.predicted()
    return predicted


def before_first_fold(plan: Plan, configuration: Configuration, fold: np.ndarray) -> bytes:
    """The graph that has not seen the first fold: other forms of a net are judged on rows that it did not learn."""
    train = plan.place.keep_rows("before-first-fold", np.flatnonzero(fold != 0))
    work = plan.exported(plan.fit(configuration, f"unseen-{key_of(configuration)}", train))
    (result,) = plan.run("judge", [work])
    assert result.model is not None
    return Path(result.model).read_bytes()


def final(plan: Plan, configuration: Configuration, window: str, end_day: int) -> Final:
    """Fit on all rows of the window, export and prove."""
    rows = splits.window_rows(plan.table, np.arange(plan.table.frame.rows), window, end_day)
    train = plan.place.keep_rows("final", rows)
    work = plan.exported(plan.fit(configuration, f"final-{key_of(window, configuration)}", train))
    (result,) = plan.run("refit", [work])
    assert result.model is not None
    days = plan.table.days
    first_day = None if days is None else int(days[rows].min())
    return Final(Path(result.model).read_bytes(), len(rows), first_day, result.parity)
