"""A checkpoint of training code travels with its pod's news, so that another pod goes on from it."""

import re
from types import SimpleNamespace

from millrace_contracts.custom_code import CodeCheckpoint, CodeOrder, CodeSpec
from millrace_training.code import place
from millrace_training.code.process import CodeProcess
from millrace_training.pod.mirror import Mirror
from millrace_training.runtime import pieces
from millrace_training.runtime.folder import JobFolder


class Workspace:
    """What a job's workspace keeps of its pieces, under names that its route takes."""

    def __init__(self):
        self.kept = {}

    def keep_piece(self, name, content):
        assert re.fullmatch(pieces.NAME, name), name
        self.kept[name] = content


def process(scratch, monkeypatch, shared):
    """The code's side of one pod, in a folder of its own."""
    monkeypatch.setenv(place.BESIDE, str(shared))
    shared.mkdir()
    scratch.mkdir(parents=True, exist_ok=True)
    code = CodeSpec(digest="sha256:" + "0" * 64)
    return CodeProcess(
        SimpleNamespace(scratch=scratch, is_cancelled=lambda: False), "code-all", code, b"\0" * 1024
    )


def order():
    given = {
        "task": "regression",
        "target": "y",
        "classes": None,
        "seed": 1,
        "rows": 1,
        "columns": [],
        "matrix": [],
    }
    return CodeOrder(entry="train:main", params={}, **given)


def test_another_pod_begins_with_the_checkpoint_of_the_one_that_is_gone(tmp_path, monkeypatch):
    first, workspace = JobFolder(tmp_path / "first"), Workspace()
    running = process(first.scratch, monkeypatch, tmp_path / "code-1")
    running.prepare(order())
    (running.folder / "checkpoint-b").write_bytes(b"weights after step 4")
    kept = CodeCheckpoint(file="checkpoint-b", step=4).model_dump_json()
    (running.folder / "checkpoint.json").write_text(kept)
    running._keep()
    Mirror(first, workspace)._send_pieces()
    assert set(workspace.kept) == {"code-all-checkpoint.ckpt", "code-all-checkpoint.json"}
    second = JobFolder(tmp_path / "second")
    second.scratch.mkdir(parents=True)
    for name, content in workspace.kept.items():
        (second.scratch / name).write_bytes(content)
    later = process(second.scratch, monkeypatch, tmp_path / "code-2")
    later.prepare(order())
    told = later.message("checkpoint", CodeCheckpoint)
    assert (later.folder / told.file).read_bytes() == b"weights after step 4"
