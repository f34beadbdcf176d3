"""How time passes for a policy: each morning it sees what is known by then, and may say what is to be trained.

What is asked before it is known is refused, so that no policy can be better than its knowledge.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from tests.bench.decisions.learner import Days, Learner, Model
from tests.bench.decisions.stream import DELAY, Stream


class Leak(Exception):
    """A policy asked for what is not known yet."""


@dataclass(frozen=True)
class Served:
    """What a policy came to.

    Attributes:
        losses: of what served, for each row (NaN before the first served day).
        trained, promoted: mornings on which it trained, and on which another model began to serve.
        alarms: mornings on which its detector raised one.
        models: what it served, in order.
    """

    losses: np.ndarray
    trained: list[int] = field(default_factory=list)
    promoted: list[int] = field(default_factory=list)
    alarms: list[int] = field(default_factory=list)
    models: list[Days] = field(default_factory=list)


class View:
    """What is known on the morning of a day: features of the days before it, labels of those a delay earlier.

    Attributes:
        morning: the day that begins. labelled: the last day whose labels are known.
    """

    def __init__(self, learner: Learner, losses: np.ndarray, morning: int, model: Model) -> None:
        self._learner, self._losses, self._model = learner, losses, model
        self.stream, self.morning, self.serving = learner.stream, morning, model.days
        self.labelled = morning - 1 - DELAY

    def known(self, days: Days) -> Days:
        """The same days. Raises: Leak if not all of their labels are known."""
        if days[1] > self.labelled:
            told = f"labels of day {days[1]} are not known on the morning of day {self.morning}"
            raise Leak(f"{self.stream.name}: {told}; the last known ones are of day {self.labelled}")
        return days

    def losses(self, days: Days) -> np.ndarray:
        """Losses of what served on these days, in the order of the rows. Raises: Leak."""
        return self._losses[self._learner.rows(self.known(days))]

    def features(self, days: Days) -> slice:
        """Places of the rows of these days. Raises: Leak if they have not come yet."""
        if days[1] >= self.morning:
            raise Leak(f"{self.stream.name}: the rows of day {days[1]} have not come on the morning of it")
        return self._learner.rows(days)

    def answers(self, days: Days) -> np.ndarray:
        """What the model that serves now answers to the rows of these days. Raises: Leak."""
        return self._model.answers[self.features(days)]

    def fit(self, days: Days) -> Model:
        """A model of these days; how it does on days behind them is told by `judged`. Raises: Leak."""
        return self._learner.fit(self.known(days))

    def judged(self, model: Model, days: Days) -> float:
        """Mean loss of a model on these days, none of which it has seen. Raises: Leak."""
        if days[0] <= model.days[1]:
            raise Leak(f"{self.stream.name}: a model of the days {model.days} is judged on what it has seen")
        here = model.losses[self._learner.rows(self.known(days))]
        return float(here.mean()) if len(here) else float("nan")


@dataclass(frozen=True)
class Choice:
    """What a policy decided: the model that serves from this morning on, or none; whether there was an alarm."""

    model: Model | None = None
    alarm: bool = False
    trained: bool = False


Policy = Callable[[View], Choice]
"""Asked on every morning, in order."""


def passed(learner: Learner, policy: Policy) -> Served:
    """The policy's way through the stream, from the first served day on."""
    stream = learner.stream
    losses = np.full(len(stream.day), np.nan)
    model = learner.fit((0, stream.first - 1 - DELAY))
    served = Served(losses, models=[model.days])
    for morning in range(stream.first, stream.days):
        choice = policy(View(learner, losses, morning, model))
        if choice.alarm:
            served.alarms.append(morning)
        if choice.trained:
            served.trained.append(morning)
        if choice.model is not None and choice.model.days != model.days:
            if choice.model.days[1] > morning - 1 - DELAY:
                raise Leak(f"{stream.name}: a model of the days {choice.model.days} serves on day {morning}")
            model = choice.model
            served.promoted.append(morning)
            served.models.append(model.days)
        here = learner.rows((morning, morning))
        losses[here] = model.losses[here]
    return served


def by_day(stream: Stream, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the losses and number of rows of each served day, float64 and int64 (days - first,)."""
    known = np.isfinite(losses)
    day = stream.day[known] - stream.first
    here = day >= 0
    length = stream.days - stream.first
    sums = np.bincount(day[here], losses[known][here], length)
    return sums, np.bincount(day[here], minlength=length)
