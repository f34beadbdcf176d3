"""The study: a finished trial is never lost and never told twice."""

import subprocess
import sys

import pytest

from millrace_training.runtime import events, trials
from millrace_training.runtime.events import EventWriter, Note
from millrace_training.runtime.trials import TrialStore


def test_a_finished_trial_is_found_again_and_told_once(tmp_path):
    told = []
    store = TrialStore(tmp_path / "t.db", told.append)
    store.asked("s", 0, {"x": 1}, "a")
    assert [trial.number for trial in store.running("s")] == [0]
    store.save("s", 0, {"x": 1}, "a", {"loss": 0.5})
    store.save("s", 0, {"x": 1}, "a", {"loss": 0.9})
    again = TrialStore(tmp_path / "t.db")
    assert [trial.values for trial in again.completed("s")] == [{"loss": 0.5}]
    assert (again.running("s"), len(told)) == ([], 1)
    assert again.find("s", "a") is not None
    assert again.find("s", "b") is None


def test_a_number_cannot_change_its_key(tmp_path):
    store = TrialStore(tmp_path / "t.db")
    store.save("s", 0, {}, "a", {})
    with pytest.raises(ValueError, match="another key"):
        store.save("s", 0, {}, "b", {})


def test_a_trial_survives_sigkill_right_after_save(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from millrace_training.runtime.trials import TrialStore\n"
        "TrialStore(Path(sys.argv[1])).save('s', 3, {'x': 1}, 'k', {'loss': 1.0}); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "t.db"])
    assert done.returncode == -9
    assert [trial.number for trial in trials.read(tmp_path / "t.db")] == [3]


def test_an_event_that_was_cut_off_is_left_out_and_the_next_one_read(tmp_path):
    path = tmp_path / "events.jsonl"
    EventWriter(path).write("log", Note(message="a", facts={"n": 1}))
    with path.open("ab") as file:
        file.write(b'{"event": "log", "da')
    assert [event.data["facts"] for event in events.read(path, 0)] == [{"n": 1}]
    EventWriter(path).write("log", Note(message="a", facts={"n": 2}))
    found = events.read(path, 0)
    assert [event.data["facts"] for event in found] == [{"n": 1}, {"n": 2}]
    assert events.read(path, found[0].id) == found[1:]
    assert events.starts_line(path, found[0].id)
    assert not events.starts_line(path, 5)
