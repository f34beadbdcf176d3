"""An auditor's commands on a running platform, where no loop has to be trained first; then rows are rewritten."""

import sqlite3
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from millrace.laptop import tokens
from millrace_contracts.models import AliasWrite, ModelVersionWrite

pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(300)]
SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
}


@pytest.fixture(scope="module")
def audited(client):
    """A model with two versions, each of which was champion, beside another."""
    registry = client.registry
    digest = registry.put_artifact(b"weights")
    for name, number in (("beside-it", 1), ("audited", 1), ("audited", 2)):
        registry.put_model(name)
        unit = {
            "key": f"run-{number}", "files": {"weights.bin": digest}, "signature": SIGNATURE, "task": "regression",
            "target": "y", "metrics": {"holdout": {"rmse": 1.5}}, "environment": {"built": {"seed": 7}},
        }  # fmt: skip
        registry.add_version(name, ModelVersionWrite.model_validate(unit))
        at = datetime(2026, 11, 20 + number, tzinfo=UTC)
        move = AliasWrite(version=number, expected=number - 1 or None, event_time=at, reason="better")
        registry.move_alias(name, "champion", move)
    return "audited"


def test_everything_holds_who_was_champion_is_told_and_what_was_rewritten_is_named(
    platform, millrace, audited, tmp_path
):
    owner = tokens.owner(platform.home / "run")
    millrace("audit", "sign")
    kept = platform.home / "audit" / "heads.jsonl"
    found = millrace("audit", "verify", "-o", "json")
    assert (found["ok"], found["heads_from"]) == (True, str(kept))
    assert found["heads"] >= 1
    then = millrace("audit", "champion", audited, "--at", "2026-11-21", "-o", "json")
    assert (then["version"], then["moved_by"]) == (1, owner)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert millrace("audit", "champion", audited, "--at", tomorrow, "-o", "json")["version"] == 2
    assert "had no champion then" in millrace("audit", "champion", audited, "--at", "2026-11-01", code=1)
    assert millrace("audit", "lineage", f"{audited}@2", "-o", "json")["environment"] == {"built": {"seed": 7}}
    assert "no row of the request nobody is kept" in millrace("audit", "request", "nobody", code=1)
    with sqlite3.connect(platform.home / "registry" / "state.db", timeout=30) as database:
        triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'alias_moves'"
        kept_triggers = database.execute(triggers).fetchall()
        for name, _ in kept_triggers:
            database.execute(f"DROP TRIGGER {name}")
        mine = (
            "SELECT alias_moves.id FROM alias_moves JOIN models ON models.id = model_id WHERE models.name = ?"
        )
        (row, _) = database.execute(f"{mine} ORDER BY number", [audited]).fetchall()
        database.execute("UPDATE alias_moves SET actor = 'eve' WHERE id = ?", row)
    said = millrace("audit", "verify", code=1)
    with sqlite3.connect(platform.home / "registry" / "state.db", timeout=30) as database:
        database.execute("UPDATE alias_moves SET actor = ? WHERE id = ?", (owner, *row))
        for _, statement in kept_triggers:
            database.execute(statement)
    database.close()
    assert f"alias_moves id={row[0]}" in said
    assert "1 finding." in said
    assert "Everything holds." in millrace("audit", "verify", "--head", kept)


def test_an_archive_is_signed_and_one_that_was_changed_is_refused(
    platform, client, millrace, audited, tmp_path, monkeypatch
):
    from millrace import archive, auditing

    target = tmp_path / "evidence.zip"
    report = auditing.verify(client, auditing.Heads(), "the service itself")
    parts = [part for part in archive.PARTS if part not in (archive.declared, archive.fed)]
    monkeypatch.setattr(archive, "PARTS", parts)
    archive.write(client, audited, report, target)
    opened = millrace("audit", "check", target, "-o", "json")
    assert opened["key"].startswith("ed25519:")
    assert opened["signed"]["made_by"] == f"user:{tokens.owner(platform.home / 'run')}"
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(target) as good, zipfile.ZipFile(changed, "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data.replace(b"1.5", b"0.5") if name == "versions/1.json" else data)
    assert "was changed: versions/1.json" in millrace("audit", "check", changed, code=1)
