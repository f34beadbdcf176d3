"""`millrace score`: where the answers go is said once, and a secret is named, never held."""

import pytest

from millrace.cli.scoring import _form, _sink


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("env:SHOP", {"env": "SHOP", "file": None, "secret_ref": None}),
        ("file:/run/shop", {"env": None, "file": "/run/shop", "secret_ref": None}),
        ("secret:shop/uri", {"env": None, "file": None, "secret_ref": {"name": "shop", "key": "uri"}}),
    ],
)
def test_a_connection_is_named_by_its_place(said, kept):
    assert _sink("scored", said, None).sql.connection.model_dump() == kept


@pytest.mark.parametrize("said", [None, "postgresql://me:word@host/db", "env:"])
def test_a_secret_itself_is_no_place(fake, millrace, tmp_path, said):
    (tmp_path / "a.csv").write_text("x\n1\n")
    more = [] if said is None else ["--connection", said]
    done = millrace("score", "shop", "--data", tmp_path / "a.csv", "--table", "scored", *more)
    assert done.code == 1
    assert "--connection says where" in done.stderr
    assert "word" not in done.stderr


@pytest.mark.parametrize("more", [[], ["--out", "a.csv", "--table", "scored", "--connection", "env:SHOP"]])
def test_the_answers_go_to_one_place(fake, millrace, tmp_path, more):
    (tmp_path / "a.csv").write_text("x\n1\n")
    done = millrace("score", "shop", "--data", tmp_path / "a.csv", *more)
    assert done.code == 1
    assert "where the answers go" in done.stderr


def test_a_folder_of_one_kind_of_files_is_answered_in_that_kind(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).touch()
    assert _form([tmp_path], tmp_path / "scored") == "parquet"
    (tmp_path / "c.jsonl").touch()
    assert _form([tmp_path], tmp_path / "scored") == "csv"
    assert _form([tmp_path], tmp_path / "all.jsonl") == "jsonl"
