"""People on one machine: a token each, which a restart of the platform keeps."""

import hashlib
import json

import pytest

from millrace.laptop import tokens


def entries(folder):
    return json.loads((folder / "tokens.json").read_text())["tokens"]


def test_a_token_opens_for_a_person_until_it_is_revoked_and_outlives_a_restart(tmp_path):
    tokens.ensure(tmp_path)
    made = tokens.add(tmp_path, "ada", "approver", "shop")
    tokens.ensure(tmp_path)
    assert tokens.people(tmp_path) == [
        {
            "name": "ada",
            "role": "approver",
            "sha256": hashlib.sha256(made.encode()).hexdigest(),
            "project": "shop",
        }
    ]
    assert made not in (tmp_path / "tokens.json").read_text()
    assert tokens.remove(tmp_path, "ada")
    assert not tokens.remove(tmp_path, "ada")
    assert [entry["name"] for entry in entries(tmp_path)] == list(tokens.ROLES)


@pytest.mark.parametrize("name", ["controller", "user", "ADA"])
def test_nobody_takes_a_name_that_is_taken(tmp_path, name):
    tokens.ensure(tmp_path)
    tokens.add(tmp_path, "ada", "viewer")
    with pytest.raises(ValueError, match="already"):
        tokens.add(tmp_path, name, "approver")


def test_no_part_of_millrace_loses_its_token(tmp_path):
    tokens.ensure(tmp_path)
    assert not tokens.remove(tmp_path, "controller")
    assert len(entries(tmp_path)) == len(tokens.ROLES)
