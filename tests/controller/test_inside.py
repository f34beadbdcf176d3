"""A replay's pipelines run in its own process: the steps of the compiled pipeline, in its order."""

import ast
import inspect
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from millrace import steps
from millrace.client import ApiError
from millrace_controller.changes import Changes
from millrace_controller.pipelines import inside
from millrace_controller.pipelines.attempts import Attempt, Ended

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
ALL = ["ingest", "validate", "train", "evaluate", "gate", "compress", "register", "roll_out"]


def attempt():
    return Attempt("default", "sales", 3, 1, NOW, {}, False, 60.0, None)


@pytest.fixture
def called(monkeypatch):
    """The steps that were taken, with what they were told."""
    taken = []
    gives = {
        "ingest": SimpleNamespace(version=5), "validate": True, "train": "t", "evaluate": SimpleNamespace(job="e"),
        "gate": SimpleNamespace(verdict="passed"), "compress": None, "register": SimpleNamespace(version=2),
        "roll_out": None,
    }  # fmt: skip

    def stand_in(name):
        def step(*told):
            taken.append((name, told[3:]))
            if isinstance(gives[name], Exception):
                raise gives[name]
            return gives[name]

        return step

    for name in ALL:
        monkeypatch.setattr(steps, name, stand_in(name))
    return SimpleNamespace(taken=taken, gives=gives)


def test_every_step_is_taken_once_and_told_what_the_one_before_it_made(called):
    inside.run("default", "sales", 3)
    assert called.taken == [
        ("ingest", ()), ("validate", (5,)), ("train", (5,)), ("evaluate", (5, "t")), ("gate", ("t", "e")),
        ("compress", (5, "t")), ("register", (5, "t", None)), ("roll_out", (2,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "gives", "last"),
    [
        ("ingest", SimpleNamespace(version=0), "ingest"),
        ("validate", False, "validate"),
        ("gate", SimpleNamespace(verdict="inconclusive"), "gate"),
    ],
)
def test_a_step_that_says_no_is_the_last(called, step, gives, last):
    called.gives[step] = gives
    inside.run("default", "sales", 3)
    assert called.taken[-1][0] == last


def test_the_steps_are_those_of_the_compiled_pipelines_components_in_their_order():
    """Who changes the one has to change the other."""

    def of(tree):
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        ]
        steps_ = [c for c in calls if isinstance(c.func.value, ast.Name) and c.func.value.id == "steps"]
        return [call.func.attr for call in sorted(steps_, key=lambda call: (call.lineno, call.col_offset))]

    components = of(ast.parse((ROOT / "pipelines" / "components.py").read_text()))
    assert components == ALL
    assert sorted(of(ast.parse(inspect.getsource(inside)))) == sorted(ALL)


async def ended(runner, handle):
    while not isinstance(seen := await runner.look(attempt(), handle), Ended):
        await runner.going[handle["name"]]
    return seen


async def test_a_pipeline_ends_well_or_says_why_not_and_whether_again_would_help(called):
    changes = Changes()
    runner = inside.InsideRunner(changes)
    end = await ended(runner, await runner.start(attempt()))
    assert (end.ok, changes.work.is_set()) == (True, True)
    called.gives["train"] = ApiError(503, {"detail": "away"}, "http://localhost/v1/jobs")
    end = await ended(runner, await runner.start(attempt()))
    assert (end.ok, end.final) == (False, False)
    again = await runner.look(attempt(), {"runner": "inside", "name": "of-a-process-before"})
    assert (again.ok, again.message) == (False, "the pipeline was killed")
