"""docs/howto/review.md: its commands run as they stand, in one shell, against a running platform."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import document

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "review.md"
pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE, NEXT = "## On this machine", "## What becomes of a label"


def script():
    """The page's commands; one that is refused says so if it is not."""
    page = PAGE.read_text()
    here = page[page.index(HERE) : page.index(NEXT)]
    lines = "".join(block for language, block in FENCE.findall(here) if not language).splitlines()
    assert len(lines) > 10
    refused = re.compile(r"^(.*?) +# refused$")
    made = [refused.sub(r"if \1; then echo it was not refused; exit 9; fi", line) for line in lines]
    assert sum(line.startswith("if ") for line in made) == 1
    return "\n".join(["set -eu", *made])


def test_the_commands_of_the_page_run_to_its_end(platform, client, table, tmp_path):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    table.drop(columns="target").head(60).to_csv(tmp_path / "rows.csv", index=False)
    table.drop(columns="target").head(1).to_csv(tmp_path / "one.csv", index=False)
    loop = document("reviewed", review={"below": 0.9, "sample": "20%", "uncertain": True})
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    (tmp_path / "reviewed.yaml").write_text(yaml.safe_dump(loop))
    environment = os.environ | {
        "MILLRACE_HOME": str(platform.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", script()], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=380
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "'perhaps' is none of the classes 0, 1" in said
    (entry,) = client.monitoring.reviews("reviewed", state="labelled")
    assert entry.label == 1
    (vote,) = entry.votes
    assert (vote.author, vote.value) == ("eve", 1)
    answer = client.serving.predict("reviewed", [table.drop(columns="target").iloc[0].to_dict()])
    assert answer.explanations is None
    assert "Row 0: log-odds of " in said
    told = client.serving.predict("reviewed", [table.drop(columns="target").iloc[0].to_dict()], explain=True)
    (why,) = told.explanations
    assert why.base + sum(item.contribution for item in why.contributions) == pytest.approx(why.answer)
    likely = told.probabilities[0][why.of]
    assert 1 / (1 + math.exp(-why.answer)) == pytest.approx(likely, abs=1e-3)
    assert answer.needs_review == [max(answer.probabilities[0].values()) < 0.9]
