"""What monitoring and jobs are told of a loop's classes: what the contract promises, and what production knows."""

from types import SimpleNamespace

import pytest

from millrace.transport.errors import ApiError
from millrace_contracts.data import DataContract
from millrace_controller.production import promise
from millrace_controller.runs import plan


def contract(**target):
    kind = {"name": "kind", "type": "string", "allowed": ["a", "b", "c"], "guessed": True} | target
    return DataContract.model_validate({"columns": [kind], "target": "kind"})


def services(version):
    async def dataset_version(name, *, project):
        if version is None:
            raise ApiError(404, {"title": "Not Found", "status": 404}, "http://registry")
        return version

    return SimpleNamespace(clients=SimpleNamespace(registry=SimpleNamespace(dataset_version=dataset_version)))


def loop(said, task="multiclass"):
    spec = SimpleNamespace(task=task, target="kind", data=SimpleNamespace(contract=said, dataset="flowers"))
    return SimpleNamespace(spec=spec, project="default")


def kept(grown, declared):
    told = [None if one is None else one.model_dump(mode="json") for one in (grown, declared)]
    return SimpleNamespace(contract=told[0], declared=told[1])


GROWN = contract(allowed=["a", "b", "c", "d"])
SAID = contract(guessed=False)


@pytest.mark.parametrize(
    ("said", "version", "promised"),
    [
        (None, kept(GROWN, None), GROWN),
        (contract(), kept(GROWN, contract()), GROWN),
        (SAID, kept(GROWN, contract()), SAID),
        (SAID, None, SAID),
        (None, None, None),
    ],
    ids=["inferred", "grown since it was declared", "said since", "no data yet", "nothing known"],
)
async def test_the_target_is_promised_what_holds_now(said, version, promised):
    told = await promise.of_target(services(version), loop(said))
    assert told == (None if promised is None else promised.column("kind"))


@pytest.mark.parametrize("task", ["regression", "binary"])
async def test_only_a_task_of_many_classes_may_have_more(task):
    assert await promise.of_target(services(kept(GROWN, None)), loop(None, task)) is None


@pytest.mark.parametrize(
    ("task", "classes", "known"),
    [("multiclass", ["a", "b", "c"], {"known_classes": ["a", "b", "c"]}), ("binary", ["a", "b"], {})],
)
def test_jobs_are_told_what_production_knows(task, classes, known):
    champion = SimpleNamespace(signature=SimpleNamespace(classes=classes))
    spec = SimpleNamespace(task=task)
    assert plan._known(spec, SimpleNamespace(champion=champion)) == known
    assert plan._known(spec, SimpleNamespace(champion=None)) == {}
