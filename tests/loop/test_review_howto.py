"""docs/howto/review.md: its commands run as they stand, in one shell, against a running platform."""

import math

import pytest
import yaml

from .conftest import document
from .pages import script, shell

pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]


def test_the_commands_of_the_page_run_to_its_end(platform, client, table, tmp_path):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    table.drop(columns="target").head(60).to_csv(tmp_path / "rows.csv", index=False)
    table.drop(columns="target").head(1).to_csv(tmp_path / "one.csv", index=False)
    loop = document("reviewed", review={"below": 0.9, "sample": "20%", "uncertain": True})
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    (tmp_path / "reviewed.yaml").write_text(yaml.safe_dump(loop))
    done = shell(platform, tmp_path, script("review.md", until="## What becomes of a label"))
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
