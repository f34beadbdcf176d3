"""docs/howto/approvals.md: its commands run as they stand, in one shell, against a running platform."""

import pytest
import yaml

from millrace.laptop.tokens import owner

from .conftest import document
from .pages import script, shell

pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]


def test_the_commands_of_the_page_run_to_its_end(platform, client, table, tmp_path):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    loop = document("approved")
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    loop["spec"]["gates"]["approval"] = {"of": 1}
    (tmp_path / "approved.yaml").write_text(yaml.safe_dump(loop))
    done = shell(platform, tmp_path, script("approvals.md", until="## In a cluster"))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert (
        f"{owner(platform.home / 'run')} asked for this run, or declared the loop by which it was judged"
        in said
    )
    assert "approval: waiting: 0 of 1" in done.stdout
    assert "run 2 ends rejected: not approved: ada says: not in the week before Christmas" in done.stdout
    runs = client.controller.runs("approved")
    assert [(run.state, run.version) for run in runs] == [("promoted", 1), ("rejected", 2)]
    chain = client.registry.decisions(loop="approved")
    given = [item for item in chain if item.kind == "approval.given"]
    assert sorted((item.author, item.outcome) for item in given) == [
        ("user:ada", "approved"),
        ("user:ada", "rejected"),
    ]
    with pytest.raises(Exception, match=r"declares gates\.approval"):
        client.registry.move_alias("approved", "champion", _move(1, 2))


def _move(expected, version):
    from millrace_contracts.models import AliasWrite

    return AliasWrite(version=version, expected=expected, reason="by hand")
