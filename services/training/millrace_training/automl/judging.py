"""Judges configurations on rows that no model has seen, and fits the best again on everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_training.automl import splits
from millrace_training.automl.fitting import Fit
from millrace_training.automl.plan import CROSS_VALIDATE, Plan
from millrace_training.automl.seeds import key_of

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Tried:
    """A configuration on a *window* before the holdout, what it has *predicted* for that, and where its graph is."""

    configuration: Configuration
    window: str
    predicted: np.ndarray
    stored: str = field(default="", kw_only=True)


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
    tried = [
        Tried(*pair, result.predicted(), stored=result.model or "")
        for pair, result in zip(wanted, results, strict=True)
    ]
    return _judged(_best(plan, tried, split, np.ones(len(split.holdout), bool)), tried)


def _judged(best: Tried, tried: list[Tried]) -> Judged:
    graph = Path(best.stored).read_bytes()
    return Judged(best.configuration, best.window, best.predicted, graph, tried, stored=best.stored)


def _best(plan: Plan, tried: Sequence[Tried], split: splits.TimeSplit, rows: np.ndarray) -> Tried:
    """Which has the least loss on these *rows* of the holdout, a flag each."""
    here = np.flatnonzero(rows)
    return tried[int(np.argmin([plan.mean_loss(split.holdout[here], one.predicted[here]) for one in tried]))]


def as_new(plan: Plan, best: Judged, split: splits.TimeSplit) -> tuple[Judged, np.ndarray]:
    """What is to serve, and answers for the holdout by models that are as new for each part as it will be."""
    parts = _parts(plan, split)
    if plan.spec.since is None or not parts:
        return best, rolled(plan, best, split, parts)
    return _since(plan, best, split, parts, (plan.spec.since - EPOCH).days)


def rolled(plan: Plan, best: Judged, split: splits.TimeSplit, parts: Sequence["_Part"]) -> np.ndarray:
    """Answers for the holdout's rows, each of these parts by a model that is fitted on all days before that part.

    A model that lacks the whole holdout cannot show what the newest days teach; this is what retraining now brings.
    What is fitted is chosen anew for each part, by the other parts alone: a choice by the very rows that are judged
    would look better than it is, the more the more were tried. The first part is answered by models that are there.
    """
    days, answers = _days(plan, split), best.predicted.copy()
    asked = [(part, _best(plan, best.tried, split, ~part.holds(days))) for part in parts]
    for (part, _), found in zip(asked, _answered(plan, split, asked), strict=True):
        answers[part.holds(days)] = found
    return answers


def _since(
    plan: Plan, best: Judged, split: splits.TimeSplit, parts: Sequence["_Part"], first: int
) -> tuple[Judged, np.ndarray]:
    """The same where the world has changed on the day *first*: no model from before it says what a window brings.

    On the parts that reach beyond that day every window is fitted anew. What serves is the best of them on the days
    since; what answers for such a part is the best on the others of them. A single one has no others.
    """
    days = _days(plan, split)
    late = days >= first
    after = [part for part in parts if (part.holds(days) & late).any()]
    tried = _of_each_window(plan, best, split)
    found = iter(_answered(plan, split, [(part, item) for item in tried for part in after]))
    new = []
    for item in tried:
        answers = item.predicted.copy()
        for part in after:
            answers[part.holds(days)] = next(found)
        new.append(replace(item, predicted=answers))
    alone = len(after) == 1
    answers = rolled(plan, best, split, [part for part in parts if alone or part not in after])
    for part in [] if alone else after:
        here = part.holds(days)
        answers[here] = _best(plan, new, split, late & ~here).predicted[here]
    window = _best(plan, new, split, late).window
    return _judged(next(item for item in tried if item.window == window), best.tried), answers


@dataclass(frozen=True)
class _Part:
    """Days of a part of the holdout, the *end* not among them; *known*: models that are there answer for it."""

    begin: int
    end: int
    known: bool

    def holds(self, days: np.ndarray) -> np.ndarray:
        return np.asarray((days >= self.begin) & (days < self.end))


def _days(plan: Plan, split: splits.TimeSplit) -> np.ndarray:
    assert plan.table.days is not None
    return np.asarray(plan.table.days[split.holdout])


def _parts(plan: Plan, split: splits.TimeSplit) -> list[_Part]:
    """The parts of the holdout; none where it is a single one."""
    borders = splits.parts(_days(plan, split), plan.spec.block)
    begins = [split.first_holdout_day, *borders] if borders else []
    ends = [*borders, split.end_day] if borders else []
    return [_Part(*pair, pair[0] == split.first_holdout_day) for pair in zip(begins, ends, strict=True)]


def _of_each_window(plan: Plan, best: Judged, split: splits.TimeSplit) -> list[Tried]:
    """Of what was tried on each window, the best."""
    every = np.ones(len(split.holdout), bool)
    windows = dict.fromkeys(item.window for item in best.tried)
    return [_best(plan, [one for one in best.tried if one.window == name], split, every) for name in windows]


def _answered(plan: Plan, split: splits.TimeSplit, asked: Sequence[tuple[_Part, Tried]]) -> list[np.ndarray]:
    """For each part what a model answers that is fitted on all days before it; nothing is fitted twice."""
    days, table = _days(plan, split), plan.table
    assert table.days is not None
    works, names = dict[str, Fit](), list[str | None]()
    for part, item in asked:
        name = None if part.known else f"rolled-{part.begin}-{key_of(item.window, item.configuration)}"
        names.append(name)
        if name is None or name in works:
            continue
        before = np.flatnonzero(table.days < part.begin)
        rows = splits.window_rows(table, before, item.window, part.begin)
        train = plan.place.keep_rows(f"{name}-before", rows)
        predict = plan.place.keep_rows(f"{name}-part", split.holdout[part.holds(days)])
        works[name] = plan.fit(item.configuration, name, train, predict)
    results = plan.run("roll", list(works.values())) if works else ()
    fitted = dict(zip(works, results, strict=True))
    return [
        item.predicted[part.holds(days)] if name is None else fitted[name].predicted()
        for (part, item), name in zip(asked, names, strict=True)
    ]


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
