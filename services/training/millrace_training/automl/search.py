"""The full search: portfolio first, then Bayesian trials around the best families, told in a fixed order.

The budget is a number of trials. A finished trial is kept; a job that was killed goes on with what is there and
decides the same, because every trial's seed and key follow from what it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace_contracts.bodies import Document
from millrace_contracts.digits import legible
from millrace_contracts.learning import Configuration, Params
from millrace_contracts.searching import PointLatency
from millrace_stats.tasks import Task
from millrace_training.automl import portfolio
from millrace_training.automl.fitting import Fitted, Work
from millrace_training.automl.portfolio import SPACES
from millrace_training.automl.seeds import key_of, seed_of
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import TaskFailed

BATCH = 2
"""Trials asked before the first of them is told; fixed, so that it does not depend on the machine."""
FAMILIES = 2
"""The Bayesian part goes on with so many of the best families."""

Plan = Callable[[Configuration, str, int], tuple[str, Work]]
"""From a configuration, a key and a seed to the function's name and the work of its trial."""


@dataclass(frozen=True)
class Trial:
    """One judged configuration: its loss and out-of-sample predictions; infinite and none if it failed.

    Where latency is an objective too, how long its graph of *size* bytes takes.
    """

    configuration: Configuration
    loss: float
    predictions: np.ndarray
    latencies: tuple[PointLatency, ...] = ()
    size: int = 0

    @property
    def failed(self) -> bool:
        """Whether it says nothing about its configuration."""
        return not np.isfinite(self.loss)


class TrialSearch:
    """One study of a job.

    Args:
        task, target: what is learnt, and its truth for the predictions of a trial. plan: how a trial is run.
    """

    objectives = 1

    def __init__(
        self,
        context: Context,
        study: str,
        task: Task,
        target: np.ndarray,
        plan: Plan,
        executor: str,
        seed: int,
    ) -> None:
        self.context, self.study, self.task, self.target = context, study, task, target
        self.plan, self.executor, self.seed = plan, executor, seed
        self.trials: list[Trial] = []

    def run(self, configurations: list[Configuration], budget: int) -> list[Trial]:
        """The trials that succeeded, in the order in which they were asked; the *configurations* come first.

        Raises: TaskFailed if none did.
        """
        first = portfolio.start(configurations, budget)
        self._judge(first, budget)
        rest = budget - len(first)
        if rest > 0:
            self._bayesian(rest, budget)
        return [trial for trial in self.trials if not trial.failed]

    def _judge(self, configurations: list[Configuration], budget: int) -> None:
        base = len(self.trials)
        keys = [key_of(self.seed, item["family"], item["params"]) for item in configurations]
        payloads, functions = [], set()
        for number, (item, key) in enumerate(zip(configurations, keys, strict=True)):
            self.context.trials.asked(self.study, base + number, item, key)
            function, work = self.plan(item, key, seed_of(self.seed, key))
            functions.add(function)
            payloads.append(work)
        results = self.context.map(functions.pop(), payloads, self.executor, keep_going=True)
        failure = None
        for item, key, result in zip(configurations, keys, self._seen(keys, results), strict=True):
            if isinstance(result, TaskFailed):
                failure = result
                self._failed(item, key, result)
            else:
                self._told(item, key, result)
            self._report(budget)
        if failure and all(trial.failed for trial in self.trials):
            raise failure

    def _told(self, item: Configuration, key: str, result: Fitted) -> None:
        predictions = result.predicted()
        known = self.task.known(predictions)
        loss = float(self.task.losses(self.target[known], predictions[known]).mean())
        trial = self._trial(item, key, loss, predictions)
        values = {"loss": loss, "seconds": result.seconds, **self._more(trial)}
        self.context.trials.save(self.study, len(self.trials), item, key, values)
        self.trials.append(trial)

    def _seen(self, keys: list[str], results: Iterator[Fitted | TaskFailed]) -> Iterator[Fitted | TaskFailed]:
        """The results as they come, before they are told."""
        return results

    def _trial(self, item: Configuration, key: str, loss: float, predictions: np.ndarray) -> Trial:
        """What a result comes to."""
        return Trial(item, loss, predictions)

    def _more(self, trial: Trial) -> Document:
        """What is kept of a trial beside its loss."""
        return {}

    def _values(self, trial: Trial) -> list[float]:
        """What is made small."""
        return [trial.loss]

    def _space(self, family: str) -> Mapping[str, portfolio.Range]:
        """Where a family's settings are drawn from."""
        return SPACES[family]

    def _first(self, family: str) -> Sequence[Params]:
        """Settings of a family that its study asks before it draws any."""
        return []

    def _failed(self, item: Configuration, key: str, error: TaskFailed) -> None:
        """A trial that fails (out of memory, a singular matrix) is kept as such, and the search goes on."""
        values = {"loss": None, "failed": str(error)[:500]}
        self.context.trials.save(self.study, len(self.trials), item, key, values)
        self.context.log("a trial failed", configuration=item["id"], error=str(error)[:500])
        self.trials.append(Trial(item, np.inf, np.empty(0)))

    def _report(self, budget: int) -> None:
        last, number = self.trials[-1], len(self.trials)
        best = min(trial.loss for trial in self.trials)
        message = f"{last.configuration['id']}: loss {legible(last.loss, 5)}, best {legible(best, 5)}"
        numbers = {name: value for name, value in (("loss", last.loss), ("best", best)) if np.isfinite(value)}
        self.context.report("search", number, budget, message, **numbers)

    def _bayesian(self, rest: int, budget: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        studies = {family: self._study(optuna, family) for family in self._best_families()}
        families = list(studies)
        asked = 0
        while families and asked < rest:
            batch = []
            for place in range(min(BATCH, rest - asked)):
                family = families[(asked + place) % len(families)]
                trial = studies[family].ask()
                params = {name: _suggest(trial, name, space) for name, space in self._space(family).items()}
                number = len(self.trials) + place
                item: Configuration = {"id": f"{family}-{number}", "family": family, "params": params}
                batch.append((studies[family], trial, item))
            self._judge([item for _, _, item in batch], budget)
            for (study, trial, _), told in zip(batch, self.trials[-len(batch) :], strict=True):
                state = optuna.trial.TrialState.FAIL if told.failed else None
                study.tell(trial, None if told.failed else self._values(told), state)
            asked += len(batch)

    def _best_families(self) -> list[str]:
        best: dict[str, float] = {}
        for trial in self.trials:
            if trial.failed:
                continue
            family = trial.configuration["family"]
            best[family] = min(best.get(family, np.inf), trial.loss)
        return sorted(best, key=lambda family: (best[family], family))[:FAMILIES]

    def _study(self, optuna: Any, family: str) -> Any:
        """A TPE study of one family that knows the portfolio's trials of it."""
        sampler = optuna.samplers.TPESampler(seed=seed_of(self.seed, "tpe", family), n_startup_trials=2)
        study = optuna.create_study(sampler=sampler, directions=["minimize"] * self.objectives)
        spaces = {name: _distribution(optuna, space) for name, space in self._space(family).items()}
        for trial in self.trials:
            params = trial.configuration["params"]
            fits = trial.configuration["family"] == family and not trial.failed
            if fits and all(spaces[name].low <= params[name] <= spaces[name].high for name in spaces):
                study.add_trial(
                    optuna.trial.create_trial(params=params, distributions=spaces, values=self._values(trial))
                )
        for params in self._first(family):
            study.enqueue_trial(params)
        return study


def _distribution(optuna: Any, space: portfolio.Range) -> Any:
    distributions = optuna.distributions
    if space.whole:
        return distributions.IntDistribution(int(space.low), int(space.high), log=space.log)
    return distributions.FloatDistribution(space.low, space.high, log=space.log)


def _suggest(trial: Any, name: str, space: portfolio.Range) -> float | int:
    if space.whole:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)
