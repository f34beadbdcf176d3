"""Chooses configurations: a search on rows before the holdout, or by folds, then a small ensemble or the best one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_table import spacing
from millrace_training.automl import ensemble, portfolio, splits
from millrace_training.automl.fitting import Work
from millrace_training.automl.plan import CROSS_VALIDATE, FIT, Plan
from millrace_training.automl.search import Plan as TrialPlan
from millrace_training.automl.search import Trial, TrialSearch
from millrace_training.automl.seeds import key_of

SEARCH_ROWS = 40_000
"""Most rows a trial of the search is trained on; the chosen configuration is fitted on all."""
KEPT = 2
"""Configurations that later runs fit again: of different families, as the world may come to suit the other."""


def by_time(plan: Plan, split: splits.TimeSplit) -> list[Configuration]:
    """Search on the rows before the holdout: judged on their last blocks, or by folds of blocks if rows are few.

    The blocks are the gate's own: what makes rows alike there makes them alike here.
    """
    table, spec = plan.table, plan.spec
    assert table.days is not None
    blocks = spacing.numbers(table.days, spec.block)
    if len(split.before) < splits.SMALL and len(np.unique(blocks[split.before])) >= spec.folds:
        fold = splits.block_folds(blocks, split.before, spec.folds, spec.seed)
        return by_folds(plan, fold, None, blocks)
    rows = splits.sample(split.search, SEARCH_ROWS, spec.seed)
    train = plan.place.keep_rows("search", rows)
    validation = plan.place.keep_rows("validation", split.validation)

    def trial(item: Configuration, key: str, seed: int) -> tuple[str, Work]:
        return FIT, replace(plan.fit(item, f"trial-{key}", train, validation), seed=seed)

    return _best(plan, trial, table.target[split.validation], blocks[split.validation])


def by_folds(
    plan: Plan, fold: np.ndarray, only: Sequence[int] | None, blocks: np.ndarray | None
) -> list[Configuration]:
    """Search by cross-validation.

    Args:
        fold: fold of each row, -1: in none. only: the folds that are judged, or all.
        blocks: block (day, week or month) of each row, or None if rows are independent.
    """
    name = plan.place.keep_rows("search-folds", fold)

    def trial(item: Configuration, key: str, seed: int) -> tuple[str, Work]:
        return CROSS_VALIDATE, replace(plan.cross_validation(item, f"trial-{key}", name, only), seed=seed)

    return _best(plan, trial, plan.table.target, blocks)


def _best(plan: Plan, trial: TrialPlan, target: np.ndarray, blocks: np.ndarray | None) -> list[Configuration]:
    """Search, select, and return the chosen configuration first, then the best of another family."""
    context, task = plan.context, plan.aim.task
    study = key_of("study", context.job.key)
    search = TrialSearch(context, study, task, target, trial, plan.spec.executor, plan.spec.seed)
    begun = portfolio.choices(plan.spec.families, {column.kind for column in plan.table.frame.columns})
    trials = search.run(begun, plan.spec.trials or len(begun))
    tried = {item.configuration["id"]: item.configuration for item in trials}
    judged = task.known(trials[0].predictions)
    predictions = {item.configuration["id"]: item.predictions[judged] for item in trials}
    weights = ensemble.select(task, target[judged], predictions, None if blocks is None else blocks[judged])
    chosen = ensemble.configuration(weights, tried)
    ranked = [item.configuration for item in sorted(trials, key=_rank)]
    others = [item for item in ranked if item["family"] != chosen["family"]]
    context.log("selected", chosen=chosen["id"], weights=weights)
    return [chosen, *others][:KEPT]


def _rank(trial: Trial) -> tuple[float, str]:
    return trial.loss, trial.configuration["id"]
