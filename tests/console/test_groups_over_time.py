"""Groups of an attribute that no model takes, over time: each version's evaluation has compared them."""

from types import SimpleNamespace

from millrace_console.asking import Asked
from millrace_console.history import evaluations
from millrace_console.rendering import environment
from millrace_contracts.jobs import JobState
from millrace_contracts.models import Lineage, ModelVersionRead

GAP = {"difference": 0.12, "error": 0.02, "freedom": 9, "lower": 0.07, "upper": 0.17}


def line(group, reference, gap):
    metric = {
        "metric": "selection_rate",
        "rows": 300,
        "value": 0.4,
        "lower": 0.3,
        "upper": 0.5,
        "small": False,
    }
    return {
        "attribute": "sex", "group": group, "reference": reference, "rows": 300, "blocks": 10,
        "metrics": [metric | {"gap": gap}],
    }  # fmt: skip


def result(days, fairness=True):
    groups = [line("male", True, None), line("female", False, GAP)]
    told = {"favourable": "yes", "minimum_rows": 100, "groups": groups, "left_out": []}
    block = {"n": 100, "candidate": 1.0, "champion": None}
    return {
        "metrics": {"candidate": {"loss": 1.0}, "champion": None},
        "blocks": [block | {"block": day} for day in days],
        "fairness": told if fairness else None,
    }


def version(number, run):
    return ModelVersionRead.model_construct(model="loans", number=number, lineage=Lineage(loop_run=run))


class Clients:
    """Runs with an evaluation each, by number."""

    def __init__(self, **results):
        self.results = results
        self.controller = self.training = self

    async def run(self, loop, number, project):
        return SimpleNamespace(steps={"evaluate": SimpleNamespace(job=f"job{number}")})

    async def job(self, job, project):
        return SimpleNamespace(state=JobState.SUCCEEDED, result=self.results[job])


async def test_each_version_that_was_judged_says_how_far_its_groups_lay_apart_and_on_which_days():
    clients = Clients(
        job1=result(["2026-05-01", "2026-05-30"]),
        job2=result(["2026-06-01", "2026-06-29"]),
        job3=result([], False),
    )
    asked = [version(3, 3), version(2, 2), version(1, 1), version(4, None)]
    found = await evaluations.groups(Asked(5), clients, "default", asked)
    assert [(item.version, item.since, item.until) for item in found] == [
        (2, "2026-06-01", "2026-06-29"), (1, "2026-05-01", "2026-05-30"),
    ]  # fmt: skip
    shown = SimpleNamespace(name="ada", csrf="x")
    kept = ModelVersionRead.model_construct(
        model="loans", number=1, created_at=None, lineage=Lineage(loop_run=1), variants=[]
    )
    text = environment().get_template("versions.html").render(
        versions=[kept], named={}, moves=[], figures={1: []}, groups=found, months=None, gaps=[], person=shown,
        project="default",
        projects=["default"], section="loops", loop_name="loans", missing=[], path="/", query="",
    )  # fmt: skip
    assert "2026-06-01 to 2026-06-29" in text
    assert "0.12 (0.07 to 0.17)" in text
    assert text.count("selection_rate") == 2, "the reference has no difference from itself"
