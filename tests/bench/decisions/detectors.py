"""What others look at to say that a model should be trained again: its losses, its features, or an estimate.

Each asks a process in an environment of its own (`foreign`), with that library's own settings.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from tests.bench.decisions.folds import Policy, View
from tests.bench.decisions.learner import Days
from tests.bench.decisions.peer import Peer
from tests.bench.decisions.policies import at_alarm
from tests.bench.decisions.stream import Stream

RIVER = ("ADWIN", "KSWIN", "Page-Hinkley")
A_DAY = 200
"""Most losses of a day that a detector is shown, by lot, in the order of time."""
SETTLED = 14
"""Labelled days of a model by which its losses are scaled: Page-Hinkley's threshold has no unit."""
WEEK, WINDOW = 7, 14
REFERENCE = 42
"""Labelled days of a model that NannyML learns from: no model has others that it did not see."""
SHARE = 0.5
"""Of drifted columns: Evidently's own bound."""
MOST = {"reference": 2_000, "current": 1_000}
"""Most rows that Evidently compares, by lot."""


@contextmanager
def of_river(stream: Stream, name: str) -> Iterator[Policy]:
    """Trains when a detector of river says that the losses have changed."""
    with ExitStack() as ending:
        peer = Peer("river", name)
        ending.callback(peer.close)
        state = {"since": 0, "through": -1, "scale": 0.0}

        def begin(view: View) -> None:
            peer.ask({"reset": True})
            state.update(since=view.morning, through=view.morning + SETTLED - 1, scale=0.0)

        def detect(view: View) -> bool:
            if view.labelled <= state["through"]:
                return False
            if not state["scale"]:
                settled = _sizes(view, (int(state["since"]), int(state["through"])))
                state["scale"] = float(settled.mean()) if len(settled) and settled.any() else 1.0
            fresh = _drawn(_sizes(view, (int(state["through"]) + 1, view.labelled)), A_DAY, view.labelled)
            state["through"] = view.labelled
            return bool(peer.ask({"values": (fresh / state["scale"]).tolist()})["alarm"])

        yield at_alarm(detect, begin)


@contextmanager
def of_evidently(stream: Stream) -> Iterator[Policy]:
    """Trains when Evidently finds half of the features drifted, looking once a week."""
    words = _words(stream)
    with ExitStack() as ending:
        peer = Peer("evidently")
        ending.callback(peer.close)

        def detect(view: View) -> bool:
            current = view.morning - WINDOW, view.morning - 1
            if (view.morning - stream.first) % WEEK or view.morning - stream.first < WINDOW:
                return False
            told = {"reference": view.serving, "current": current}
            tables = {name: _csv(view, days, MOST[name]) for name, days in told.items()}
            return bool(peer.ask({**tables, "words": words})["share"] >= SHARE)

        yield at_alarm(detect)


@contextmanager
def of_nannyml(stream: Stream) -> Iterator[Policy]:
    """Trains when NannyML's estimate for the last week lies beyond its threshold, looking once a week."""
    told = {"task": stream.task, "words": _words(stream), "features": stream.features}
    told |= {"classes": [str(value) for value in stream.classes]}
    with ExitStack() as ending:
        peer = Peer("nannyml")
        ending.callback(peer.close)
        state = {"since": 0, "learnt": 0}

        def begin(view: View) -> None:
            state.update(since=view.morning, learnt=0)

        def detect(view: View) -> bool:
            days = state["since"], state["since"] + REFERENCE - 1
            if view.labelled < days[1] or (view.morning - state["since"]) % WEEK:
                return False
            if not state["learnt"]:
                peer.ask({**told, "reference": _answered(view, days, labelled=True)})
                state["learnt"] = 1
            current = view.morning - WEEK, view.morning - 1
            return bool(peer.ask({"current": _answered(view, current, labelled=False)})["alarm"])

        yield at_alarm(detect, begin)


def _words(stream: Stream) -> list[str]:
    """Features that are categories."""
    return [name for name in stream.features if stream.rows[name].dtype.kind not in "iufb"]


def _sizes(view: View, days: Days) -> np.ndarray:
    """How wrong each answer was: losses, of a regression their roots."""
    losses = view.losses(days)
    return np.sqrt(losses) if view.stream.task == "regression" else losses


def _drawn(values: np.ndarray, most: int, seed: int) -> np.ndarray:
    if len(values) <= most:
        return values
    return values[np.sort(np.random.default_rng(seed).choice(len(values), most, replace=False))]


def _csv(view: View, days: Days, most: int) -> str:
    here = view.features(days)
    places = _drawn(np.arange(here.start, here.stop), most, days[1])
    return str(view.stream.rows[view.stream.features].iloc[places].to_csv(index=False))


def _answered(view: View, days: Days, *, labelled: bool) -> str:
    """Features and answers of the rows of these days, and their labels if they are known."""
    stream = view.stream
    rows, answers = stream.rows.iloc[view.features(days)], view.answers(days)
    made = rows[stream.features].copy()
    if stream.task == "regression":
        made["prediction"] = answers
    else:
        every = answers if answers.ndim == 2 else np.column_stack([1 - answers, answers])
        for place in range(every.shape[1]):
            made[f"p{place}"] = every[:, place]
        names = np.array([str(value) for value in stream.classes])
        made["prediction"] = names[every.argmax(axis=1)]
    if labelled:
        view.known(days)
        made["target"] = rows[stream.target].astype(str) if stream.classes else rows[stream.target]
    return str(made.to_csv(index=False))
