"""What a resource, an alarm or a refusal tells a person to type is a line that the command line takes."""

import re
import shlex
from typing import ClassVar

import pytest
from tests.chart.commands import check

from millrace_contracts.rows import UNREAD, Check, DeliveryReport
from millrace_controller.clock import refused
from millrace_controller.hints import line
from millrace_controller.loops import options, status
from millrace_controller.loops.options import Surroundings
from millrace_controller.tables import Loop

from .conftest import document


@pytest.fixture(autouse=True)
def beside(tmp_path, monkeypatch):
    """Files where a person would have them."""
    monkeypatch.chdir(tmp_path)
    for name in ("FILE", "sales.csv"):
        (tmp_path / name).touch()


HINT = re.compile(r"'(millrace [^']*)'")


def hints(text):
    return [shlex.split(found) for found in HINT.findall(text)]


def typed(call, tmp_path, project):
    """Hold a hint to the command line; it names the project where that is not the usual one."""
    assert (call[1:3] == ["--project", project]) is (project != "default"), call
    rest = call[3:] if project != "default" else call[1:]
    check(["millrace", *rest], tmp_path)


def loop(project):
    made = Loop(name="sales", project=project, state="active", mode="live", message="", champion=None, runs=0)
    made.document = document(data={"dataset": "sales", "source": {"path": "sales.csv"}})
    made.owner = object()
    return made


@pytest.mark.parametrize("project", ["default", "team-a"])
def test_a_loop_without_data_names_the_line_that_pushes_some(project, tmp_path):
    told = [
        status._ready(loop(project), None).message,
        *options.ignored(loop(project), Surroundings(True, True)),
    ]
    calls = [call for text in told for call in hints(text)]
    assert len(calls) == 2
    for call in calls:
        typed(call, tmp_path, project)
        assert call[-4:-1] == ["data", "push", "sales"]


@pytest.mark.parametrize("project", ["default", "team-a"])
@pytest.mark.parametrize(("check", "widen"), [("range", ["--widen"]), (UNREAD, [])])
def test_refused_data_names_the_lines_that_show_take_and_drop_it(project, check, widen, tmp_path):
    class Entry:
        id = 3
        report: ClassVar = DeliveryReport(checks=[Check.failed(check, "x", "", "y")]).model_dump()

    calls = hints(refused._mend(project, Entry))
    told = [["show", "3"], ["accept", "3", *widen], ["drop", "3"]]
    assert [
        call[call.index("data") + 1 :][-len(what) :] for call, what in zip(calls, told, strict=True)
    ] == told
    for call in calls:
        typed(call, tmp_path, project)


def test_a_hint_that_no_command_takes_would_be_seen(tmp_path):
    with pytest.raises(Exception, match="no such command"):
        typed(shlex.split(line("team-a", "data shove sales FILE").strip("'")), tmp_path, "team-a")
