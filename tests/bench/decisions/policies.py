"""When to train and what to serve: what people do today, each as a function of what is known in the morning."""

from collections.abc import Callable, Iterable

import numpy as np
from tests.bench.decisions.folds import Choice, Policy, View
from tests.bench.decisions.learner import Days, Model
from tests.bench.decisions.stream import DELAY, MONTH, Stream

HOLDOUT, RECENT, COOLDOWN = 28, 60, 14
"""Days: the loop's own holdout, shorter window and cool-down."""


def never(stream: Stream) -> Policy:
    """The first model for ever."""
    return lambda view: Choice()


def monthly(stream: Stream) -> Policy:
    """Each month a model of all rows."""
    return _scheduled(stream, lambda view: view.fit((0, view.labelled)))


def recent(stream: Stream) -> Policy:
    """Each month a model of the last two months."""
    return _scheduled(stream, lambda view: view.fit((view.labelled - RECENT + 1, view.labelled)))


def same_size(stream: Stream) -> Policy:
    """Each month a model of as many newest rows as the first one had: what newer rows are worth if not more of them."""
    rows = int(np.searchsorted(stream.day, stream.first - DELAY))

    def fit(view: View) -> Model:
        end = int(np.searchsorted(stream.day, view.labelled + 1))
        return view.fit((int(stream.day[max(end - rows, 0)]), view.labelled))

    return _scheduled(stream, fit)


def always(stream: Stream) -> Policy:
    """Each month the loop's candidate, without any gate: the better of two windows on the last 28 days, then all."""
    return _scheduled(stream, candidate)


def candidate(view: View) -> Model:
    """All rows or the last two months, whichever did better on a holdout; fitted on everything in that window."""
    end = view.labelled
    before = end - HOLDOUT
    starts = (0, before - RECENT + 1)
    if starts[1] <= 0:
        return view.fit((0, end))
    losses = [view.judged(view.fit((start, before)), (before + 1, end)) for start in starts]
    return view.fit((0, end) if losses[0] <= losses[1] else (end - RECENT + 1, end))


def _scheduled(stream: Stream, fit: Callable[[View], Model]) -> Policy:
    def decide(view: View) -> Choice:
        since = view.morning - stream.first
        return Choice(fit(view), trained=True) if since > 0 and since % MONTH == 0 else Choice()

    return decide


Detector = Callable[[View], bool]
"""Whether it raises an alarm this morning; it is asked on each."""


def at_alarm(detector: Detector, begin: Callable[[View], None] = lambda view: None) -> Policy:
    """Trains the loop's candidate at an alarm and serves it, at most once in a cool-down.

    Args:
        begin: called on the first morning of each model, to forget what was seen of the one before.
    """
    state: dict[str, int | Days] = {}

    def decide(view: View) -> Choice:
        if state.get("model") != view.serving:
            state["model"] = view.serving
            begin(view)
        if not detector(view):
            return Choice()
        last = state.get("trained")
        if isinstance(last, int) and view.morning - last < COOLDOWN:
            return Choice(alarm=True)
        state["trained"] = view.morning
        return Choice(candidate(view), alarm=True, trained=True)

    return decide


FIXED: dict[str, Callable[[Stream], Policy]] = {
    "never": never,
    "monthly, all": monthly,
    "monthly, two months": recent,
    "always promote": always,
}
"""What looks at nothing; the best of them in hindsight is what a rule has to come near to."""
SIZE = {"monthly, as many rows as at first": same_size}
"""No way that anybody goes; it tells what comes of newer rows from what comes of more rows."""


def names() -> Iterable[str]:
    return [*FIXED, *SIZE]
