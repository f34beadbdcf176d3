"""Files follow mapped functions to other machines, and what they finish comes back."""

import shutil

import pytest

from millrace_training.runtime.executors.shipping import Sender, remote_call


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    (folder / "frame").mkdir(parents=True)
    (folder / "frame" / "values.npy").write_bytes(b"rows")
    (folder / "target.npy").write_bytes(b"target")
    return folder


@pytest.fixture
def elsewhere(scratch, tmp_path):
    """`with`-less change of machine: `elsewhere(action)` runs it where the job's files are not."""

    def run(action, keep=tmp_path / "there"):
        home = tmp_path / "home"
        scratch.rename(home)
        if keep.exists():
            keep.rename(scratch)
        result = action()
        scratch.rename(keep)
        home.rename(scratch)
        return result

    return run


def test_a_function_finds_its_files_on_another_machine_and_its_piece_comes_home(scratch, elsewhere):
    sender = Sender(scratch, lambda content: content)
    parcel = sender.parcel()
    fetched = []

    def fetch(held):
        fetched.append(len(held))
        return held

    result, made = elsewhere(lambda: remote_call("work:shipped", str(scratch), parcel, fetch))
    assert result == "rows and target"
    assert sorted(made) == ["trial.json", "trial.npy"]
    sender.unpack(made)
    assert (scratch / "trial.npy").read_bytes() == b"rows and target"
    assert fetched == [2]


def test_a_machine_fetches_what_is_new_and_nothing_twice(scratch, elsewhere):
    sender = Sender(scratch, lambda content: content)
    counts = []

    def fetch(held):
        counts.append(len(held))
        return held

    def go():
        parcel = sender.parcel()
        return elsewhere(lambda: remote_call("work:shipped", str(scratch), parcel, fetch))

    _, made = go()
    sender.unpack(made)
    (scratch / "target.npy").write_bytes(b"other")
    result, made = go()
    assert (result, made["trial.npy"]) == ("rows and other", b"rows and other")
    go()
    assert counts == [2, 1, 0]


def test_a_function_that_fails_elsewhere_is_its_payloads_result(scratch, elsewhere):
    parcel = Sender(scratch, lambda content: content).parcel()
    shutil.rmtree(scratch / "frame")
    result, made = elsewhere(lambda: remote_call("work:odd", 1, parcel, lambda held: held))
    assert (str(result), made) == ("ValueError: 1 is odd", {})
