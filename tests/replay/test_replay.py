"""A replay cuts history into honest days: late labels, and no version judged on what it has seen."""

import gzip
import json
from contextlib import nullcontext
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from millrace.client import ApiError
from millrace_contracts.closings import ClosedDay
from millrace_contracts.loop import ModelLoop
from millrace_contracts.models import AliasMoveRead, ModelVersionRead
from millrace_contracts.rollouts import RolloutPlan, RolloutRead
from millrace_contracts.signature import Signature
from millrace_replay import outcome, replay, sending, turns, walking
from millrace_replay.history import History, NoBacktest
from millrace_stats import tasks
from millrace_table import pieces, reading, streamed

SIGNATURE = Signature(
    inputs=[{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
    outputs=[{"name": "prediction", "datatype": "FP32"}],
    task="regression",
    target="y",
)


def spec(**data):
    declared = {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": "sales"},
        "spec": {
            "task": "regression",
            "target": "y",
            "data": {"dataset": "sales", "eventTime": "at", "labelDelay": "1d"} | data,
            "training": {"holdout": "2d"},
        },
    }
    return ModelLoop.model_validate(declared).spec


@pytest.fixture(autouse=True, params=["whole", "in pieces"])
def size(request, monkeypatch):
    """Each promise holds for a file that is held and for a larger one, whose rows stay on disk."""
    if request.param == "in pieces":
        monkeypatch.setattr(reading, "LARGE", 1)
        for room in (streamed, pieces):
            monkeypatch.setattr(room, "PIECE", 3)


@pytest.fixture
def history_of(tmp_path):
    """A history from lines of CSV."""

    def made(lines, **data):
        (tmp_path / "history").write_text("\n".join(lines))
        return History(tmp_path / "history", "csv", spec(**data), tmp_path)

    return made


@pytest.fixture
def history(history_of):
    """A history of some days, its rows in the wrong order."""

    def made(days=12, first=date(2024, 3, 25), every=6, **data):
        moments = [
            f"{first + timedelta(days=day)}T{hour:02d}:30:00"
            for day in range(days)
            for hour in range(0, 24, every)
        ]
        lines = [f"{moment},{number},{number * 2}" for number, moment in enumerate(moments)]
        return history_of(["at,x,y", *reversed(lines)], **data)

    return made


def test_rows_are_put_in_order_and_days_are_those_of_the_time_zone(history):
    made = history(timezone="Europe/Berlin")
    assert made.labels.to_pylist() == [number * 2 for number in range(48)]
    days = made.days()
    assert [len(day.rows) for day in days] == [4] * 12
    summer = next(day for day in days if day.date == date(2024, 3, 31))
    assert summer.end - summer.begin == timedelta(hours=23)
    assert [day.end for day in days[:-1]] == [day.begin for day in days[1:]]


def test_rows_without_time_or_label_are_left_out_and_days_without_rows_stay(history_of):
    lines = ["at,x,y", "2024-01-01,1,1", "2024-01-03,2,", ",3,3", "2024-01-05,4,4"]
    made = history_of(lines)
    assert made.labels.to_pylist() == [1, 4]
    assert [len(day.rows) for day in made.days()] == [1, 0, 0, 0, 1]


def test_rows_of_one_instant_stay_as_they_came_and_a_time_far_from_all_others_is_left_out(history_of):
    lines = ["at,x,y", *[f"2024-01-0{5 - number // 2},{number},{number}" for number in range(8)]]
    made = history_of([*lines, "2399-01-01,9,9"])
    assert made.labels.to_pylist() == [6, 7, 4, 5, 2, 3, 0, 1]
    rows = made.typed({"x": "integer", "at": "timestamp"}, "UTC")
    assert pieces.together(rows)["x"].to_pylist() == made.labels.to_pylist()
    assert pa.concat_tables(outcome.between(rows, 2, 7))["x"].to_pylist() == [4, 5, 2, 3, 0]


def test_what_a_number_or_a_day_means_may_be_told_by_rows_far_behind_it(history_of):
    lines = ["at;x;y", *[f"0{number}/04/2024;1,234;{number}" for number in range(1, 8)], "31/12/2024;0,5;9"]
    made = history_of(lines)
    assert [str(day.date) for day in made.days()][:2] == ["2024-04-01", "2024-04-02"]
    rows = pieces.together(made.typed({"x": "number"}, "UTC"))
    assert rows["x"].to_pylist() == [1.234] * 7 + [0.5]


def test_no_day_is_waited_for_that_closes_only_with_the_rows_behind_it(history_of):
    """In a long stretch without rows days close together, and before the first rows there is nothing to close."""
    lines = ["at,x,y", "2024-01-01,1,1", "2024-01-05,4,4", "2024-03-01,5,5", "2024-03-03,6,6"]
    made = history_of(lines)
    told = list(turns.turns(made.days()[1:]))
    waited = [str(turn.day.date) for turn in told if turn.closes]
    after = [str(date(2024, 1, 5) + timedelta(days=number)) for number in range(32)]
    assert waited == [*after, "2024-03-01", "2024-03-02", "2024-03-03"]
    assert [str(turn.day.date) for turn in told if turn.ends_stretch] == ["2024-03-01"]


class Loop:
    """A platform that remembers which days a replay waits for; *alarm*: whether one is open."""

    def __init__(self, alarm=False, phase="watching"):
        self.controller = self.monitoring = self
        self.alarm, self.phase, self.waited, self.rows = alarm, phase, [], 0

    def push_rows(self, loop, rows):
        self.rows += 1

    def push_labels(self, loop, labels, complete_through):
        pass

    def settle(self, loop, through, timeout):
        self.waited.append(through.date())
        return self

    def alarms(self, loop, state):
        return ["alarm"] if self.alarm else []

    def backtest_progress(self, id, progress):
        pass


def replayed(loop, days):
    made = object.__new__(replay.Replay)
    made.user = made.client = loop
    made.loop, made.id, made.spec = "sales", "b", spec()
    made.history, made.days = days, days.days()[1:]
    made.through_days(days.typed({"x": "number", "y": "number", "at": "timestamp"}, "UTC"), SIGNATURE, None)
    return [moment.isoformat() for moment in loop.waited]


def test_days_without_rows_close_together_where_nothing_can_happen_on_them(history_of):
    lines = ["at,x,y", "2024-01-01,1,1", "2024-01-02,2,2", "2024-01-09,4,4", "2024-01-11,5,5"]
    days = history_of(lines)
    every = [f"2024-01-{number:02d}" for number in range(3, 13)]
    assert replayed(Loop(), days) == ["2024-01-03", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12"]
    assert replayed(Loop(alarm=True), days) == every
    assert replayed(Loop(phase="rolling-out"), days) == every


def test_the_first_model_learns_from_twice_the_holdout_or_from_what_was_said(history):
    made = history()
    assert made.first_day(spec(), None) == 4
    assert made.first_day(spec(), date(2024, 4, 1)) == 7
    for start in (date(2024, 3, 26), date(2024, 4, 30), date(2020, 1, 1)):
        with pytest.raises(NoBacktest, match="12 days"):
            made.first_day(spec(), start)
    before = parquet.read_table(made.parquet(made.days()[4].begin))
    assert before.to_pydict() == {
        "at": [f"2024-03-{25 + day}T{hour:02d}:30:00" for day in range(4) for hour in range(0, 24, 6)],
        "x": [str(number) for number in range(16)],
        "y": [str(number * 2) for number in range(16)],
    }


def test_features_travel_without_labels_and_under_their_tensor_names(history):
    made = history()
    table = made.typed({"x": "number", "y": "number", "at": "timestamp"}, "UTC")
    sent = pa.ipc.open_stream(sending.rows_of(made.days()[1].rows, table, SIGNATURE, made.times)).read_all()
    assert sent.column_names == ["request_id", "index", "event_time", "x"]
    assert sent["request_id"].to_pylist() == ["row-4", "row-5", "row-6", "row-7"]
    assert sent["x"].to_pylist() == [4.0, 5.0, 6.0, 7.0]


def move(event_time, version):
    return AliasMoveRead(
        name="champion", number=version, version=version, previous=None, event_time=event_time, decision=None,
        reason="", actor="controller", recorded_at=event_time,
    )  # fmt: skip


def test_a_day_is_served_by_what_was_decided_when_its_traffic_came(history):
    days = history().days()
    moves = [move(days[0].begin, 1), move(days[5].begin, 2)]
    assert outcome.served(days, moves, timedelta(days=1)) == [1] * 6 + [2] * 6


def test_hindsight_chooses_only_among_versions_that_existed(history):
    days = history(first=date(2024, 3, 28)).days()
    losses = {1: np.full(48, 4.0), 2: np.full(48, 1.0)}
    born = {1: None, 2: days[6].begin}
    chosen = outcome.hindsight(days, 0, losses, born)
    assert chosen == [1] * 6 + [2] * 6
    found = outcome.by_month(spec(), days, 0, chosen, losses)
    assert found["by_month"]["2024-03"] == 2.0
    assert 1.0 < found["by_month"]["2024-04"] < 2.0
    assert found["overall"] == pytest.approx(2.5**0.5, rel=1e-5)


def test_log_loss_is_that_of_the_true_class(history):
    binary = spec().model_copy(update={"task": "binary"})
    days = history().days()
    assert outcome.by_month(binary, days, 0, [1] * 12, {1: np.full(48, 0.3)})["overall"] == 0.3


def test_answers_of_every_kind_of_column_are_scored_without_pandas():
    """The pod of a replay has no pandas."""
    rows = pa.table(
        {
            "n": pa.array([1.5, None]),
            "w": pa.array([3, None], pa.int64()),
            "b": pa.array([True, None]),
            "t": pa.array([0, None], pa.timestamp("us", "UTC")),
            "c": pa.array(["x", None]),
        }
    )
    kinds = {"n": "FP32", "w": "FP32", "b": "FP32", "t": "INT64", "c": "BYTES"}
    inputs = [
        {"name": name, "column": name, "datatype": kind, "kind": "timestamp" if name == "t" else "number"}
        for name, kind in kinds.items()
    ]
    outputs = [{"name": "prediction", "datatype": "FP32"}]
    seen = outcome.feed(rows, Signature(inputs=inputs, outputs=outputs))
    smallest = np.iinfo(np.int64).min
    assert {name: values.reshape(-1).tolist() for name, values in seen.items() if name in "tc"} == {
        "t": [0, smallest],
        "c": ["x", ""],
    }
    for name, first in (("n", 1.5), ("w", 3.0), ("b", 1.0)):
        assert seen[name].dtype == np.float32
        assert seen[name][0, 0] == first
        assert np.isnan(seen[name][1, 0])


def version(classes):
    return ModelVersionRead.model_construct(signature=SIGNATURE.model_copy(update={"classes": classes}))


def test_a_version_that_lacks_a_class_gives_its_rows_no_probability():
    old, new = (version(list(classes)) for classes in ("abc", "abcd"))
    classes = outcome.union([old, new], ["a", "e", "d"])
    assert classes == ("a", "b", "c", "d", "e")
    task = tasks.of("multiclass")
    answered = task.aligned(np.full((1, 3), 1 / 3), "abc", classes)
    target = task.encode(["d"], classes)
    assert task.losses(target, answered)[0] == pytest.approx(-np.log(1e-7))
    assert outcome.union([version(None)], [1.5, 2.5]) == ()


class Shelf:
    """A registry with one file of some size."""

    def __init__(self, data):
        self.registry, self.data, self.size = self, data, len(data)

    def artifact(self, digest):
        return self

    def artifact_chunks(self, digest):
        return iter([self.data[:3], self.data[3:]])


def test_a_history_that_finds_no_room_on_the_disk_is_refused_with_a_remedy(tmp_path, monkeypatch):
    """What it needs is told by its size, before it is fetched or once it is seen to be packed."""
    plain, packed = b"at,x,y\n" * 100_000, gzip.compress(b"at,x,y\n" * 100_000, 0)
    assert replay.fetched(Shelf(plain), "d", "csv", tmp_path).read_bytes() == plain
    monkeypatch.setenv("MILLRACE_SCRATCH_MB", "4")
    replay.fetched(Shelf(plain), "d", "csv", tmp_path)
    for data in (packed, plain * 2):
        with pytest.raises(NoBacktest, match=r"of disk, and there are 0\.0.*MILLRACE_BACKTEST_SCRATCH_MB"):
            replay.fetched(Shelf(data), "d", "csv", tmp_path)


def test_what_puts_a_large_history_in_order_is_not_kept(tmp_path, history, size):
    made = history()
    made.typed({"x": "number"}, "UTC")
    assert sum(path.suffix == ".parquet" for path in tmp_path.iterdir()) <= 2


def test_rows_that_a_killed_replay_left_are_gone_with_the_next(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "typed.parquet").write_text("much")
    with replay.room(tmp_path) as folder:
        assert list(folder.iterdir()) == []
        (folder / "raw.parquet").write_text("much")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("failure", "kept"),
    [(NoBacktest("too short"), False), (ApiError(503, {"title": "away"}, ""), True)],
)
def test_a_replay_that_is_over_leaves_no_platform_and_one_that_is_tried_again_goes_on_with_it(
    tmp_path, monkeypatch, failure, kept
):
    def beside(user, request, place):
        (place / replay.PLATFORM).mkdir()
        (place / replay.PLATFORM / "state.db").write_text("much")
        raise failure

    monkeypatch.setattr(replay.child, "begin", lambda place: nullcontext())
    monkeypatch.setattr(replay.Millrace, "from_environment", lambda project: None)
    monkeypatch.setattr(replay, "beside", beside)
    order = {"id": "a", "project": "default", "loop": "b", "digest": "sha256:" + "0" * 64, "format": "csv"}
    monkeypatch.setattr("sys.argv", ["replay", json.dumps(order), str(tmp_path)])
    assert replay.main() == 1
    assert (tmp_path / replay.PLATFORM).exists() == kept
    assert json.loads((tmp_path / "result.json").read_text())["final"] != kept


class Ahead(Loop):
    """A replay's own platform: *acts* on some days, and may close no day before what it was told to.

    Behind a day that acts a run is rolled out for *long* days, in steps of *step* days.
    """

    def __init__(self, acts=(), long=3, step=1):
        super().__init__()
        self.acts, self.long, self.step, self.serving = set(acts), long, step, self
        self.labelled, self.sent, self.blocks, self.days, self.left = set(), [], [], [], 0

    def monitor(self, loop):
        return self

    event_time_max, counts = None, SimpleNamespace(logged=0)

    def push_rows(self, loop, rows):
        table = pa.ipc.open_stream(rows).read_all()
        self.sent += table["request_id"].to_pylist()

    def push_labels(self, loop, labels, complete_through):
        self.labelled |= {label.request_id for label in labels}

    def ahead(self, loop, asked):
        """Both services' own: days that are judged, and how many of them call for nothing."""
        if not isinstance(asked, list):
            last = self.waited[-1] if self.waited else None
            ends = [day.end for day in self.days if last is None or day.end.date() > last]
            return [ClosedDay(through=end) for end in ends if end <= asked]
        numbers = [day.through.date().isoformat() for day in asked]
        first = next((place for place, day in enumerate(numbers, 1) if day in self.acts), len(numbers))
        self.blocks.append((len(numbers), first))
        return first

    def endpoint(self, loop):
        """Serving's own: the rollout, with the step in which it is."""
        done = (self.long - self.left) // self.step
        since = None
        if self.left:
            since = self.last - timedelta(days=(self.long - self.left) % self.step)
        steps = [{"percent": n + 1, "seconds": self.step * 86_400} for n in range(self.long // self.step)]
        rollout = RolloutRead.model_construct(
            state="canary", step=done, step_since=since, plan=RolloutPlan(canary=steps)
        )
        return SimpleNamespace(timezone="UTC", rollout=rollout)

    def settle(self, loop, through, timeout):
        """After a day that acts a run is in flight for *long* days."""
        closed = [day.end.date() for day in self.days if day.end <= through]
        since = self.waited[-1] if self.waited else None
        fresh = [day for day in closed if since is None or day > since]
        acting = [day for day in fresh if day.isoformat() in self.acts]
        assert acting in ([], fresh[-1:]), "no day closes behind one that acts"
        if self.left:
            assert len(fresh) <= (self.left - 1) % self.step + 1, "no day closes behind one that ends a step"
        self.last = through
        super().settle(loop, through, timeout)
        self.left = self.long if acting else max(0, self.left - len(fresh))
        self.phase = "rolling-out" if self.left else "watching"
        return self


def walked(platform, history, before=None):
    made = object.__new__(replay.Replay)
    made.user = made.client = platform
    made.loop, made.id, made.spec, made.hidden = "sales", "b", spec(), True
    made.history, made.days = history, history.days()[1:]
    platform.days = made.days
    table = history.typed({"x": "number", "y": "number", "at": "timestamp"}, "UTC")
    made.through_days(table, SIGNATURE, before)
    return platform


@pytest.mark.parametrize("block", [2, 5, 64])
def test_days_close_in_blocks_up_to_the_first_that_acts_and_one_by_one_while_a_run_is_in_flight(
    history, monkeypatch, block
):
    monkeypatch.setattr(walking, "BLOCK", block)
    made = history(days=30)
    acts = {"2024-04-04", "2024-04-05", "2024-04-16"}
    loop = walked(Ahead(acts), made)
    rows = [f"row-{place}" for day in made.days()[1:] for place in day.rows.tolist()]
    assert loop.sent == rows, "each row once, in order"
    assert loop.labelled == set(rows)
    assert loop.waited[-1].isoformat() == "2024-04-24"
    assert {day.isoformat() for day in loop.waited} >= acts
    if block == 64:
        assert len(loop.waited) < 15
        assert (29, 29) not in loop.blocks


@pytest.mark.parametrize(("step", "closed"), [(1, 10), (2, 5), (5, 2), (10, 1)])
def test_days_of_a_rollout_close_together_up_to_the_one_on_which_its_step_is_over(history, step, closed):
    loop = walked(Ahead({"2024-04-03"}, long=10, step=step), history(days=30))
    flown = [day for day in loop.waited if date(2024, 4, 3) < day <= date(2024, 4, 13)]
    assert len(flown) == closed
    assert flown[-1] == date(2024, 4, 13)
    assert all(number <= step for number, _ in loop.blocks[1:-1]), "no more days are judged than may close"
    assert loop.waited[-1].isoformat() == "2024-04-24"


@pytest.mark.parametrize(
    ("rows", "room", "most"), [(10, 2**20, 8), (100, 700, 24), (3, 2**20, 3), (100, 1, 1)]
)
def test_no_block_is_larger_than_what_monitoring_takes_at_once(history, monkeypatch, rows, room, most):
    """Days of few rows go together, one of many in parts: what is sent has bounds in rows and in bytes."""
    monkeypatch.setattr(sending, "ROWS", rows, raising=False)
    monkeypatch.setattr(sending, "BYTES", room, raising=False)
    made, loop = history(days=30), Ahead()
    pushed, push = [], loop.push_rows

    def counted(name, body):
        pushed.append(pa.ipc.open_stream(body).read_all().num_rows)
        push(name, body)

    loop.push_rows = counted
    walked(loop, made)
    assert max(pushed) <= most
    assert sum(pushed) == 4 * 29
    assert loop.sent == [f"row-{place}" for place in range(4, 120)]
    assert loop.waited[-1] == made.days()[-1].end.date()


def test_one_day_too_many_would_be_seen(history, monkeypatch):
    """The same with a replay that closes the day behind the one that acts: the test before is not blind."""
    together = walking.Walk._together

    def more(self, end):
        through = together(self, end)
        return None if through is None else min(end, through + timedelta(days=1))

    monkeypatch.setattr(walking.Walk, "_together", more)
    with pytest.raises(AssertionError, match="behind one that acts"):
        walked(Ahead({"2024-04-04"}), history(days=30))


def test_a_replay_that_was_killed_sends_no_row_again(history):
    made = history(days=30)
    days = made.days()
    loop = Ahead()
    loop.event_time_max, loop.counts = (
        days[9].end - timedelta(hours=5, minutes=30),
        SimpleNamespace(logged=36),
    )
    walked(loop, made, before=days[4].end)
    first = int(days[10].rows[0])
    assert loop.sent == [f"row-{place}" for place in range(first, int(days[-1].rows[-1]) + 1)]
    assert f"row-{days[5].rows[0]}" in loop.labelled, "labels are sent again: they may not have come"


@pytest.mark.parametrize("logged", [4, 7, 8])
def test_a_replay_that_was_killed_within_rows_that_happened_at_once_goes_on_within_them(
    history_of, monkeypatch, logged
):
    """Days whose rows all carry midnight, more of them than go at once."""
    monkeypatch.setattr(sending, "ROWS", 3)
    lines = [f"2024-04-{1 + number // 4:02d},{number},{number * 2}" for number in range(40)]
    made, loop = history_of(["at,x,y", *lines]), Ahead()
    days = made.days()
    loop.event_time_max, loop.counts = days[1 + (logged - 1) // 4].begin, SimpleNamespace(logged=logged)
    walked(loop, made)
    assert loop.sent == [f"row-{place}" for place in range(4 + logged, 40)]
