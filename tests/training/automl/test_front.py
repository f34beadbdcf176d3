"""A search for loss and latency: every trial is timed alone, the front is told, and a rule in words takes one point."""

from html import escape
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.training.conftest import run_evaluate

from millrace_contracts.learning import Configuration
from millrace_contracts.searching import LatencyAim, PointLatency, SearchFront
from millrace_stats import tasks
from millrace_training.automl import front, portfolio
from millrace_training.automl.latency import Stopwatch
from millrace_training.automl.search import Trial
from millrace_training.features.columns import columns_of
from millrace_training.features.frame import from_arrow
from millrace_training.runtime import slot

ROWS = 240
AIM = LatencyAim(margin=0.02)


def houses() -> pa.Table:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(ROWS, 4))
    price = np.sin(x[:, 0] * 2) + x[:, 1] * x[:, 2] + 0.3 * draw.normal(size=ROWS)
    return pa.table({f"x{place}": x[:, place] for place in range(4)} | {"price": price})


def spec(**change: Any) -> dict[str, Any]:
    return {
        "dataset": "houses",
        "dataset_version": 1,
        "task": "regression",
        "target": "price",
        "folds": 2,
        "trials": 6,
        "families": ["lightgbm", "linear"],
        "latency": {"rows": 8, "margin": 0.05},
        "seed": 3,
        "executor": "inline",
    } | change


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """How many rounds there are is tested with the rounds themselves."""
    monkeypatch.setattr("millrace_training.automl.latency.ROUNDS", 3)
    monkeypatch.setattr("millrace_training.automl.latency.SECONDS", 0.001)


@pytest.fixture
def search(trained):
    def run(key: str = "job", **change: Any) -> dict[str, Any]:
        return trained("houses", houses(), spec(**change), key)

    return run


def test_every_trial_is_timed_and_stands_in_the_candidate_the_run_and_the_page(
    search, registry, make_context
):
    made = search()
    told = SearchFront.model_validate(made["front"])
    assert (told.trials, told.rows, told.exclusive) == (6, 8, True)
    assert {item.batch for item in told.points[0].latencies} == {1, 8, 64}
    for point in told.points:
        assert all(0 < item.lower <= item.p10 <= item.upper for item in point.latencies)
    line = [point for point in told.points if point.on_front]
    assert [point.loss for point in line] == sorted((point.loss for point in line), reverse=True)
    assert [point.at(8).p10 for point in line] == sorted(point.at(8).p10 for point in line)
    assert any("linear" in note for note in told.notes)
    assert [item.batch for item in told.final] == [1, 8, 64]
    assert made["configuration"]["id"] == told.chosen
    (run,) = registry.runs.values()
    assert SearchFront.model_validate_json(registry.store[run["artifacts"]["front.json"]]) == told
    assert "front.json" not in made["files"]

    asked = {name: spec()[name] for name in ("dataset", "dataset_version", "task", "target")}
    candidate = {name: made[name] for name in ("files", "signature")}
    result = run_evaluate(asked | {"candidate": candidate, "front": made["front"]}, make_context("judged"))
    page = registry.store[result["report"]].decode()
    assert "Loss against latency in the search" in page
    assert escape(told.reason.split(":")[0]) in page


def test_half_of_the_best_is_asked_first_and_a_linear_model_is_no_family_to_go_on_with(search):
    told = SearchFront.model_validate(search()["front"])
    begun = [item for item in portfolio.PORTFOLIO if item["family"] in ("lightgbm", "linear")]
    later = [point for point in told.points if point.id not in {item["id"] for item in begun}]
    assert {point.family for point in later} == {"lightgbm"}
    best = min(
        (point for point in told.points if point.id in ("lgb-a", "lgb-b")), key=lambda point: point.loss
    )
    first = min(later, key=lambda point: int(point.id.rpartition("-")[2]))
    assert first.params == portfolio.halved("lightgbm", best.params)


def test_a_plain_search_knows_nothing_of_it(search):
    assert search(latency=None)["front"] is None


def test_a_search_that_was_killed_goes_on_with_what_was_measured(search, monkeypatch):
    told = search()
    measured: list[int] = []
    earlier = Stopwatch._measure
    monkeypatch.setattr(
        Stopwatch,
        "_measure",
        lambda self, graphs: (measured.append(len(graphs)), earlier(self, graphs)),
    )
    again = search()
    assert again["front"]["points"] == told["front"]["points"]
    assert again["files"] == told["files"]
    assert measured == []


def test_a_search_that_was_killed_half_way_asks_the_same_trials_again(search, monkeypatch):
    whole = Stopwatch._measure
    batches: list[list[str]] = []

    def dies(self: Stopwatch, graphs: Any) -> None:
        if len(batches) == 1:
            raise KeyboardInterrupt
        batches.append(list(graphs))
        whole(self, graphs)

    monkeypatch.setattr(Stopwatch, "_measure", dies)
    with pytest.raises(KeyboardInterrupt):
        search()
    again: list[list[str]] = []
    monkeypatch.setattr(
        Stopwatch, "_measure", lambda self, graphs: (again.append(list(graphs)), whole(self, graphs))
    )
    told = SearchFront.model_validate(search()["front"])
    assert told.trials == 6
    assert not set(batches[0]) & {key for batch in again for key in batch}


def test_nothing_is_timed_while_another_measures(search, tmp_path, monkeypatch):
    place = tmp_path / "lock"
    monkeypatch.setattr(slot, "place", lambda: place)
    seen = []
    whole = Stopwatch._timed

    def timed(self: Stopwatch, *args: Any) -> Any:
        with pytest.raises(InterruptedError), slot.held(place, waiting=_stopped):
            raise AssertionError("two hold the slot")
        seen.append(args)
        return whole(self, *args)

    monkeypatch.setattr(Stopwatch, "_timed", timed)
    search(trials=3)
    assert seen


def _stopped() -> None:
    raise InterruptedError


def latency(ms: float, error: float = 0.01) -> PointLatency:
    low, high = ms * (1 - error), ms * (1 + error)
    return PointLatency(
        batch=1, p10=ms, p50=ms, p99=ms, repeats=7, calls=10, spread=error, lower=low, upper=high
    )


TARGET = np.random.default_rng(0).normal(size=600)
LABELS = np.arange(600) % 20
NOISE = np.random.default_rng(1).normal(size=600)


def trial(name: str, error: float, ms: float, wide: float = 0.01, family: str = "lightgbm") -> Trial:
    """A model whose answers are *error* off by noise that all share, and *ms* slow."""
    item: Configuration = {"id": name, "family": family, "params": {"rounds": 10}}
    predictions = TARGET + error * NOISE
    loss = float(np.square(error * NOISE).mean())
    return Trial(item, loss, predictions, (latency(ms, wide),), 1000)


def taken(trials: list[Trial], **change: Any) -> front.Taken:
    aim = LatencyAim.model_validate(AIM.model_dump() | change)
    return front.take(trials, aim, tasks.of("regression"), TARGET, LABELS, ordered=False)


GOOD, NEAR, POOR = trial("good", 0.5, 4.0), trial("near", 0.502, 1.0), trial("poor", 0.7, 0.1)


def test_the_fastest_that_is_as_good_as_the_best_is_taken():
    took = taken([GOOD, NEAR, POOR])
    assert took.trial is NEAR
    assert "4.00 times as fast with 1 row a call" in took.reason


def test_a_margin_of_nothing_leaves_the_best():
    took = taken([GOOD, NEAR, POOR], margin=0.0)
    assert took.trial is GOOD
    assert "nothing that is as good" in took.reason


def test_of_models_that_are_as_fast_within_their_bounds_the_better_is_taken():
    slower = trial("slower", 0.501, 1.05, wide=0.2)
    assert taken([GOOD, NEAR, slower]).trial is slower


def test_of_models_that_make_no_mistake_at_all_one_is_taken_and_told():
    one, other = trial("a", 0.0, 1.005), trial("b", 0.0, 1.0)
    took = taken([one, other, NEAR])
    assert took.trial is one
    assert "loss +0.00%, 1.00 times as fast" in took.reason


def test_under_a_latency_the_best_is_taken_and_the_bound_counts():
    noisy = trial("noisy", 0.501, 1.9, wide=0.2)
    took = taken([GOOD, noisy, NEAR, POOR], under_ms=2.0)
    assert took.trial is NEAR
    assert took.others == (POOR,)


def test_where_nothing_is_under_the_latency_the_fastest_is_taken_and_told():
    took = taken([GOOD, NEAR, POOR], under_ms=0.05)
    assert took.trial is POOR
    assert "no model is under 0.05 ms" in took.reason


def test_another_family_is_kept_for_refits_only_under_the_latency_that_was_asked_for(search):
    free = search("free", latency={"rows": 1, "under_ms": 1000.0})
    assert {item["family"] for item in free["configurations"]} == {"lightgbm", "linear"}
    alone = search("alone")
    assert len(alone["configurations"]) == 1


def test_the_front_has_room_for_the_point_that_was_taken():
    many = [trial(f"t{place}", 1 - place / 1000, 1 + place / 10) for place in range(300)]
    took = front.Taken(many[250], "because")
    told = front.report(many, took, AIM, None)
    assert len(told.points) == 200
    assert {told.chosen, told.best} <= {point.id for point in told.points}


def test_a_slower_machine_later_on_slows_the_reference_too(make_context, monkeypatch, tmp_path):
    """Rounds twice as slow as the first ones, of the reference and of the other graph alike, change nothing."""
    frame = from_arrow(pa.table({"x": [1.0, 2.0]}), columns_of([{"name": "x", "type": "number"}], []))
    watch = Stopwatch(make_context(), frame, 1, 0)
    pace = [1.0]

    def in_turn(sessions: Any, *_: Any, **__: Any) -> Any:
        rounds = np.array([[1.0, 1.1, 2.0]] * 7) * pace[0]
        return 10, [rounds * (1 + place) for place in range(len(sessions))]

    monkeypatch.setattr("millrace_training.automl.latency.in_turn", in_turn)
    monkeypatch.setattr("millrace_training.automl.latency.open_session", lambda graph: None)
    monkeypatch.setattr("millrace_training.automl.latency.in_its_bits", lambda session, feeds: feeds)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"graph")
    first = watch.times({"a": tmp_path / "a"})
    pace[0] = 2.0
    later = watch.times({"b": tmp_path / "b"})
    assert first["a"][0].p10 == pytest.approx(1.0)
    assert later["b"][0].p10 == pytest.approx(2.0)
