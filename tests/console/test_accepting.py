"""Refused data is taken after all in the console: the contract is widened, the rows are stored, it is recorded.

Behind it stand the real registry, training and controller, with their databases; the jobs are processes.
"""

import hashlib
import json
import re
import sqlite3

import httpx
import pandas as pd
import pytest
from tests.console.staged import CSRF, PENGUINS, ROOT
from tests.training.conftest import in_thread

from millrace.client import Millrace
from millrace.delivery import push
from millrace.documents import load
from millrace_console.main import ConsoleSettings, build
from millrace_contracts.loop import ModelLoop
from millrace_controller.main import build as build_controller
from millrace_controller.settings import ControllerSettings
from millrace_registry.main import RegistrySettings
from millrace_registry.main import build as build_registry
from millrace_training.main import build as build_training
from millrace_training.settings import TrainingSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TOKENS = {"ada": "admin", "training": "training", "controller": "controller", "job": "job"}
HEAVIEST = 6300
"""Grams of the heaviest penguin of the table."""
OWNER = {"kind": "ModelLoop", "namespace": "team-a", "name": "penguins", "uid": "u-1", "generation": 1}
NOBODY = "http://127.0.0.1:1"


def word(name):
    return f"token-of-{name}"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = tmp_path_factory.mktemp("home")
    (made / "run").mkdir()
    known = [
        {"name": name, "role": role, "sha256": hashlib.sha256(word(name).encode()).hexdigest()}
        for name, role in TOKENS.items()
    ]
    (made / "run" / "tokens.json").write_text(json.dumps({"tokens": known}))
    return made


@pytest.fixture(scope="module")
def urls(home):
    """Where the services are; serving and monitoring are nowhere."""
    known, stops = {"serving_url": NOBODY, "monitoring_url": NOBODY}, []

    def begin(name, build_one, settings, **more):
        known[f"{name}_url"], stop = in_thread(build_one(settings(home=home, **known, **more)))
        stops.append(stop)

    begin("registry", build_registry, RegistrySettings)
    begin("training", build_training, TrainingSettings, token=word("training"), job_look_seconds=0.2)
    begin("controller", build_controller, ControllerSettings, token=word("controller"))
    yield known
    for stop in reversed(stops):
        stop()


@pytest.fixture(scope="module")
def platform(urls):
    """The services as ada has them at the command line."""
    client = Millrace({name.removesuffix("_url"): url for name, url in urls.items()}, word("ada"))
    yield client
    client.close()


@pytest.fixture
async def browser(home, urls, monkeypatch):
    """Ada, signed in to the console, whose pages wait for the job as long as a busy machine takes."""
    monkeypatch.setattr("millrace_console.acting.doing.LOOK", 300.0)
    app = build(ConsoleSettings(home=home, answer_seconds=30, **urls))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=120) as client,
    ):
        people = app.state.services.people
        client.cookies.set("millrace_session", people.begin("ada", people.clients(word("ada"))))
        yield client


def learned(name):
    """A loop without a contract: that is learned from what comes first."""
    raw = {"task": "multiclass", "target": "species", "data": {"dataset": name, "exclude": ["rowid"]}}
    return ModelLoop.model_validate(
        {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": name}, "spec": raw}
    )


def declared(name):
    """The example of a file, with its contract: at most 10000 grams."""
    loop = load(ROOT / "k8s/examples/penguins.yaml")
    data = loop.spec.data.model_copy(update={"dataset": name, "source": None})
    named = loop.metadata.model_copy(update={"name": name})
    return loop.model_copy(update={"metadata": named, "spec": loop.spec.model_copy(update={"data": data})})


def give_to_cluster(home, name):
    """As the operator leaves a loop that a resource of the cluster declares; here is no cluster."""
    with sqlite3.connect(home / "controller" / "state.db", timeout=30) as state:
        done = state.execute("UPDATE loops SET owner = ? WHERE name = ?", (json.dumps(OWNER), name))
        assert done.rowcount == 1


def heaviest(client, name):
    """The most grams that the newest version's contract takes."""
    columns = client.registry.dataset_version(name).contract["columns"]
    return next(column["maximum"] for column in columns if column["name"] == "body_mass_g")


def heavy(folder, name, times):
    """A file of penguins that weigh so many times as much, and what is in it."""
    table = pd.read_csv(PENGUINS).dropna().head(130)
    table["body_mass_g"] = table["body_mass_g"] * times
    table.to_csv(folder / name, index=False)
    return folder / name, table


async def seen(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 200, (path, answer.text[:2000])
    return answer.text


@pytest.mark.parametrize("by", ["nobody", "a file", "a resource of the cluster"])
async def test_refused_data_is_taken_after_all_with_a_wider_contract(home, platform, browser, tmp_path, by):
    name = f"heavy-{by.split()[-1]}"
    platform.controller.apply(learned(name) if by == "nobody" else declared(name))
    platform.controller.pause(name)
    assert push(platform, name, PENGUINS).accepted
    bound = heaviest(platform, name)
    assert bound >= HEAVIEST
    if by == "a resource of the cluster":
        give_to_cluster(home, name)
    before = platform.controller.loop(name)
    path, table = heavy(tmp_path, "may.csv", 10)
    assert not push(platform, name, path).accepted
    (entry,) = platform.registry.quarantined(name)
    way = f"/p/default/quarantine/{entry.id}/do/accept"
    assert way in await seen(browser, f"/p/default/loops/{name}/data")
    form = await seen(browser, way)
    assert 'name="widen" value="yes" checked' in form
    csrf = CSRF.search(form)[1]

    still = await browser.post(way, data={"csrf": csrf, "reason": "as it is"})
    assert (still.status_code, "It is refused again" in still.text) == (200, True), still.text
    assert platform.registry.refused(entry.id).state == "waiting"
    assert heaviest(platform, name) == bound

    done = await browser.post(way, data={"csrf": csrf, "reason": "a heavy year", "widen": "yes"})
    assert done.status_code == 200, done.text
    told = re.sub(r"\s+", " ", done.text)
    assert "It was taken; version 2 of the dataset holds it." in told
    assert re.search("The contract was changed: [^<]*body_mass_g", told)
    assert '<form method="post" class="stack"' not in done.text, "there is nothing left to ask"

    settled = platform.registry.refused(entry.id)
    assert (settled.state, settled.settled_by) == ("accepted", "user:ada")
    version = platform.registry.dataset_version(name)
    assert (version.number, version.rows) == (2, len(pd.read_csv(PENGUINS)) + len(table))
    assert heaviest(platform, name) == table["body_mass_g"].max() > bound
    after = platform.controller.loop(name)
    assert (after.owner, after.generation) == (before.owner, before.generation)
    assert after.document == before.document, "what declares the loop stands as it did"
    assert "Nothing waits for a person" in await seen(browser, f"/p/default/loops/{name}/data")
    again, _ = heavy(tmp_path, "june.csv", 9)
    assert push(platform, name, again).accepted, "the next delivery is held to the wider contract"
    recorded = [item for item in platform.registry.decisions(loop=None) if "a heavy year" in str(item)]
    assert [item.author for item in recorded][:1] == ["user:ada"]
