"""A version records what its job ran in."""

from millrace_training.runtime import surroundings


def test_what_a_job_runs_in_is_told_to_the_library_and_the_commit(tmp_path, monkeypatch):
    monkeypatch.delenv("MILLRACE_COMMIT", raising=False)
    built = surroundings.built(7, "sha256:" + "0" * 64)
    assert (built.seed, built.code) == (7, "sha256:" + "0" * 64)
    assert built.lock == surroundings._digest(surroundings.ROOT / "requirements" / "platform.lock")
    assert {"numpy", "lightgbm", "onnxruntime"} <= built.libraries.keys()
    assert built.millrace == "0.1.0"
    assert built == surroundings.built(7, "sha256:" + "0" * 64)


def test_the_commit_is_read_of_a_checkout_a_worktree_and_packed_references(tmp_path):
    one, other = "1" * 40, "2" * 40
    plain = tmp_path / "plain"
    (plain / ".git" / "refs" / "heads").mkdir(parents=True)
    (plain / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (plain / ".git" / "refs" / "heads" / "main").write_text(f"{one}\n")
    assert surroundings._commit(plain) == one
    (plain / ".git" / "refs" / "heads" / "main").unlink()
    (plain / ".git" / "packed-refs").write_text(f"# pack-refs\n{other} refs/heads/main\n")
    assert surroundings._commit(plain) == other
    beside = plain / ".git" / "worktrees" / "beside"
    beside.mkdir(parents=True)
    (beside / "HEAD").write_text(f"{one}\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {beside}\n")
    assert surroundings._commit(tree) == one
    assert surroundings._commit(tmp_path) is None
