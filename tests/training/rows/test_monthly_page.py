"""docs/howto/monthly.md says what is so: its program runs, init drafts what it shows, and rows count once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millrace import drafting
from millrace.cli.main import app
from millrace.documents import load
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.rows import IngestSpec
from millrace_controller.gates import judge
from millrace_training.rows import ingest

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "monthly.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    (program,) = [body for kind, body in BLOCK.findall(PAGE) if kind == "python"]
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def drafted(folder):
    """The files that `millrace init` writes, with the page's key put in."""
    path, loop, contract = (
        folder / name for name in ("claims-2024-12.csv", "claims.yaml", "claims.contract.yaml")
    )
    sample = drafting.look(path, "claims", "month", "UTC")
    text = drafting.contract_text(sample, path.name)
    (key,) = [body for kind, body in BLOCK.findall(PAGE) if kind == "yaml"]
    contract.write_text(re.sub(r"^# key: .*\n", key, text, flags=re.MULTILINE))
    loop.write_text(drafting.loop_text("claims", sample, path, contract, folder, "UTC"))
    return sample, load(loop).spec


def test_init_drafts_what_the_page_shows(drafted):
    sample, spec = drafted
    assert any(note in PAGE for note in sample.notes if "by the month" in note)
    assert f"{sample.rows} rows" in PAGE
    gate = spec.gates.champion
    shown = dict(re.findall(r"^\| `([\w.]+)` \| `(.+?)` \|", PAGE, re.MULTILINE))
    assert shown == {
        "data.exclude": f"[{', '.join(spec.data.exclude)}]",
        "training.holdout": spec.training.holdout,
        "gates.champion": f"block: {gate.block}, minimumDays: {gate.minimum_days}",
        "triggers.schedule": spec.triggers.schedule,
        "monitoring.drift.window": spec.monitoring.drift.window,
        "triggers.newData": f"rows: {spec.triggers.new_data.rows}",
    }
    assert spec.data.contract.key == ["record"]


def test_the_re_export_counts_once_and_its_correction_wins(drafted, folder, client, context):
    spec = drafted[1]
    for name in ("claims-2024-12.csv", "claims-2025-01.csv"):
        digest = client.registry.put_artifact((folder / name).read_bytes())
        source = {"kind": "artifact", "name": name, "format": "csv", "digest": digest}
        asked = {"dataset": "claims", "source": source, "target": "claims", "event_time": "month"}
        contract = spec.data.contract.model_dump(mode="json")
        done = ingest.run(IngestSpec.model_validate(asked | {"contract": contract}), context())
        assert done.accepted, done.reason
    assert f"{name}: {done.new_rows} rows accepted, data version {done.dataset_version}." in PAGE
    told = [line for line in done.report.told() if line.split()[1] in ("row", "rows")]
    assert len(told) == 2
    assert all(line in PAGE for line in told)
    assert f"version 2 has {done.rows:,} rows" in PAGE


def test_the_gate_with_too_few_months_says_what_the_page_quotes(drafted):
    spec = drafted[1].model_copy(deep=True)
    spec.training.holdout = "28d"
    found = judge.judge(
        spec,
        EvaluateResult.model_validate(
            {
                "metrics": {"candidate": {"r2": 0.9}, "champion": {"r2": 0.9}},
                "blocks": [{"block": "2025-01", "n": 40, "candidate": 1.0, "champion": 1.1}],
                "spacing": {"unit": "month", "gap": 30.44, "blocks": 37},
            }
        ),
    )
    quoted = " ".join(PAGE.split("> ", 1)[1].split("\n\n")[0].replace("\n> ", " ").split())
    assert quoted in found.reason


def test_the_commands_of_the_page_exist():
    lines = re.findall(r"^\$ millrace (.+)$", PAGE, re.MULTILINE) + re.findall(r"`millrace (\w+ \w+)`", PAGE)
    assert len(lines) >= 7
    for line in lines:
        words = line.split()
        command = words[:2] if words[0] in ("data", "alarms") else words[:1]
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0, line
