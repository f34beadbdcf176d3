"""docs/howto/audit.md: its commands run as they stand, against a running platform; then a row is rewritten."""

import json
import re
import sqlite3
import zipfile

import pytest

from .conftest import predict
from .pages import HOWTO, lines_of, shell

pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(600)]


def test_the_commands_of_the_page_run_to_their_end_and_a_rewritten_row_is_named(
    platform, client, table, loop, tmp_path
):
    request = predict(client, table).request_id
    lines = lines_of((HOWTO / "audit.md").read_text())
    assert len(lines) == 12
    done = shell(platform, tmp_path, "\n".join(["set -eu", *lines]), 300, REQUEST=request)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said.count("Everything holds.") == 2
    assert "signed by ed25519:" in said
    assert "lightgbm" in said
    text = (tmp_path / "tumours-2-card.md").read_text()
    assert "judged on" in text
    assert "Decisions, and who made them" in text
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        for framework in ("eu-ai-act", "nist-ai-rmf", "iso-42001"):
            told = json.loads(pack.read(f"compliance/{framework}.json"))
            linked = {name for item in told["clauses"] for name in item["files"]}
            assert {"cards/2.html", "decisions.jsonl"} <= linked <= set(pack.namelist())
    assert re.search(r"moved_by +controller", said)
    built = client.registry.version(loop, 2).environment["built"]
    assert built["seed"] is not None
    assert built["document"].startswith("sha256:")
    database = sqlite3.connect(platform.home / "registry" / "state.db", timeout=30)
    with database:
        triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'alias_moves'"
        kept = database.execute(triggers).fetchall()
        for name, _ in kept:
            database.execute(f"DROP TRIGGER {name}")
        (row,) = database.execute("SELECT id, actor FROM alias_moves ORDER BY id DESC LIMIT 1").fetchall()
        database.execute("UPDATE alias_moves SET actor = 'eve' WHERE id = ?", row[:1])
    done = shell(platform, tmp_path, "millrace audit verify -o json", 300)
    with database:
        database.execute("UPDATE alias_moves SET actor = ? WHERE id = ?", row[::-1])
        for _, statement in kept:
            database.execute(statement)
    database.close()
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (1, False)
    assert [item["row"] for item in found["findings"]] == [f"alias_moves id={row[0]}"]
