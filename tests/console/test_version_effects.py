"""The page and the card of a version through the real console: with effects, and judged by a release without them."""

import pytest
from tests.sdk import examples

from millrace_contracts.jobs import JobRead
from millrace_contracts.lineage import LineageRead
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.models import ModelVersionRead

OLD = {"metrics": {"candidate": {"loss": 0.4}, "champion": None}, "blocks": [],
       "importance": [{"column": "size", "loss_added": 0.2}]}  # fmt: skip
EFFECT = {"column": "size", "kind": "number", "outputs": ["yes"], "of_classes": True, "rows": 90,
          "points": [{"at": at, "moved": [0.1 * at - 0.1]} for at in range(3)]}  # fmt: skip
LINEAGE = {
    "model": "shop", "version": 2, "digest": examples.DIGEST, "lineage": {}, "run": None, "data": [],
    "decisions": [], "champion": [],
}  # fmt: skip


@pytest.fixture
def known(person, monkeypatch):
    """Version 2 is known, and judged as a test says."""
    steps = {"evaluate": {"state": "succeeded", "message": "", "job": "j1"}}
    release = ModelVersionRead.model_validate(examples.version(number=2, lineage={"loop_run": 3}))
    run = LoopRunRead.model_validate(examples.run(number=3, version=2, steps=steps))
    clients = person.clients

    def answer(service, name, found):
        async def told(self, *args, **more):
            return found

        monkeypatch.setattr(type(service), name, told)

    def judged(result):
        job = JobRead.model_validate(examples.job(state="succeeded", kind="evaluate", result=result))
        answer(clients.training, "job", job)
        answer(clients.controller, "run", run)
        answer(clients.registry, "version", release)
        answer(clients.registry, "lineage", LineageRead.model_validate(LINEAGE))
        answer(clients.registry, "projects", [])

    return judged


@pytest.mark.parametrize("effects", [[EFFECT], []])
async def test_a_version_shows_its_effects_and_one_of_an_earlier_release_all_else(signed, known, effects):
    known(OLD | ({"effects": effects} if effects else {}))
    answer = await signed.get("/p/default/loops/shop/versions/2")
    assert answer.status_code == 200, answer.text
    assert "What it looks at" in answer.text
    assert ("How the answer moves with it" in answer.text) == bool(effects)
    assert ("size 2: yes +10" in answer.text) == bool(effects)
