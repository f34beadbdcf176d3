"""Chooses configurations: a search on rows before the holdout, or by folds, then a small ensemble or the best one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_contracts.searching import LatencyAim, SearchFront
from millrace_stats.tasks import Task
from millrace_table import spacing
from millrace_training.automl import ensemble, front, portfolio, splits
from millrace_training.automl.fitting import Work
from millrace_training.automl.latency import Stopwatch
from millrace_training.automl.plan import CROSS_VALIDATE, FIT, Plan
from millrace_training.automl.search import Plan as TrialPlan
from millrace_training.automl.search import Trial, TrialSearch
from millrace_training.automl.seeds import key_of
from millrace_training.automl.table import row_digests
from millrace_training.runtime.context import Context

Asked = tuple[Context, str, Task, np.ndarray, TrialPlan, str, int]
SEARCH_ROWS = 40_000
"""Most rows a trial of the search is trained on; the chosen configuration is fitted on all."""
BUCKETS = 50
"""Groups of rows that stand for blocks where there is no time."""
KEPT = 2
"""Configurations that later runs fit again: of different families, as the world may come to suit the other."""


@dataclass(frozen=True)
class Selected:
    """Configurations, the chosen one first; and what was found of loss and latency, if both were objectives."""

    configurations: list[Configuration]
    front: SearchFront | None = None
    watch: Stopwatch | None = None


def by_time(plan: Plan, split: splits.TimeSplit) -> Selected:
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
        work = plan.timed(plan.fit(item, f"trial-{key}", train, validation))
        return FIT, replace(work, seed=seed, proven=False)

    return _best(plan, trial, split.validation, blocks[split.validation])


def by_folds(plan: Plan, fold: np.ndarray, only: Sequence[int] | None, blocks: np.ndarray | None) -> Selected:
    """Search by cross-validation.

    Args:
        fold: fold of each row, -1: in none. only: the folds that are judged, or all.
        blocks: block (day, week or month) of each row, or None if rows are independent.
    """
    name = plan.place.keep_rows("search-folds", fold)

    def trial(item: Configuration, key: str, seed: int) -> tuple[str, Work]:
        work = plan.cross_validation(item, f"trial-{key}", name, only)
        return CROSS_VALIDATE, replace(plan.timed(work), seed=seed)

    return _best(plan, trial, np.arange(plan.table.frame.rows), blocks)


def _best(plan: Plan, trial: TrialPlan, rows: np.ndarray, blocks: np.ndarray | None) -> Selected:
    """Search, select, and return the chosen configuration first, then the best of another family.

    Args:
        rows: indices of the rows that trials predict. blocks: their blocks, or None if rows are independent.
    """
    target = plan.table.target[rows]
    study = key_of("study", plan.context.job.key)
    begun = portfolio.choices(plan.spec.families, {column.kind for column in plan.table.frame.columns})
    asked = plan.context, study, plan.aim.task, target, trial, plan.spec.executor, plan.spec.seed
    most = plan.spec.trials or len(begun)
    if plan.spec.latency is not None:
        return _taken(plan, plan.spec.latency, asked, begun, most, rows, blocks)
    return _mixed(plan, TrialSearch(*asked).run(begun, most), target, blocks)


def _mixed(plan: Plan, trials: list[Trial], target: np.ndarray, blocks: np.ndarray | None) -> Selected:
    """The least loss, by one model or by an ensemble."""
    task = plan.aim.task
    tried = {item.configuration["id"]: item.configuration for item in trials}
    judged = task.known(trials[0].predictions)
    predictions = {item.configuration["id"]: item.predictions[judged] for item in trials}
    weights = ensemble.select(task, target[judged], predictions, None if blocks is None else blocks[judged])
    chosen = ensemble.configuration(weights, tried)
    ranked = [item.configuration for item in sorted(trials, key=_rank)]
    others = [item for item in ranked if item["family"] != chosen["family"]]
    plan.context.log("selected", chosen=chosen["id"], weights=weights)
    return Selected([chosen, *others][:KEPT])


def _taken(
    plan: Plan,
    aim: LatencyAim,
    asked: Asked,
    begun: list[Configuration],
    most: int,
    rows: np.ndarray,
    blocks: np.ndarray | None,
) -> Selected:
    """One model by loss and latency. Another family is kept only where it is under the latency that was asked for."""
    watch = Stopwatch(plan.context, plan.table.frame, aim.rows, plan.spec.seed)
    trials = front.FrontSearch(*asked, watch=watch, rows=aim.rows).run(begun, most)
    labels = row_digests(plan.table)[rows] % BUCKETS if blocks is None else blocks
    taken = front.take(trials, aim, plan.aim.task, plan.table.target[rows], labels, blocks is not None)
    chosen = taken.trial.configuration
    others = [item.configuration for item in taken.others if item.configuration["family"] != chosen["family"]]
    plan.context.log("selected", chosen=chosen["id"], reason=taken.reason)
    return Selected([chosen, *others][:KEPT], front.report(trials, taken, aim, watch.load), watch)


def _rank(trial: Trial) -> tuple[float, str]:
    return trial.loss, trial.configuration["id"]
