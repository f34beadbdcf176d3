"""After an uninstall a resource does not stay ready, and what it was can still be read."""

import pytest

from millrace_contracts.status import LoopStatus
from millrace_controller.operator import farewell

from .conftest import settled


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    async def rest(_):
        pass

    monkeypatch.setattr(farewell.asyncio, "sleep", rest)


async def with_a_champion(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply(triggers={"schedule": "30d"})
    await operator.relist()
    await settled(platform, operator)
    assert cluster.condition("Ready")["status"] == "True"


async def test_an_uninstalled_releases_loops_are_not_ready_and_say_why(platform, operator, cluster, world):
    await with_a_champion(platform, operator, cluster, world)
    before = cluster.status()
    await farewell.part(cluster, "loops", [])
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Uninstalled")
    assert "The release loops that kept it is uninstalled" in ready["message"]
    assert cluster.condition("Progressing")["reason"] == "Uninstalled"
    assert cluster.status()["phase"] == "Pending"
    assert cluster.status()["champion"] == before["champion"]
    LoopStatus.model_validate(cluster.status())


async def test_installed_again_the_operator_says_anew_how_they_stand(platform, operator, cluster, world):
    await with_a_champion(platform, operator, cluster, world)
    before = cluster.condition("Ready")
    await farewell.part(cluster, "loops", [])
    await operator.relist()
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.condition("Ready")["message"] == before["message"]
    assert cluster.status()["phase"] == "Serving"


async def test_a_controller_that_speaks_once_more_is_contradicted(
    platform, operator, cluster, world, monkeypatch
):
    await with_a_champion(platform, operator, cluster, world)
    looks = []

    async def interrupted(_):
        looks.append(cluster.condition("Ready")["reason"])
        if len(looks) == 2:
            await operator.relist()

    monkeypatch.setattr(farewell.asyncio, "sleep", interrupted)
    await farewell.part(cluster, "loops", [])
    assert cluster.condition("Ready")["reason"] == "Uninstalled"
    assert len(looks) >= 3


async def test_only_its_own_namespaces_are_spoken_of_and_what_has_no_status_is_left(
    platform, operator, cluster, world
):
    await with_a_champion(platform, operator, cluster, world)
    cluster.apply("fresh", "team-b")
    await farewell.part(cluster, "loops", ["team-b"])
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.status("fresh", "team-b") == {}


def test_an_api_server_that_does_not_listen_holds_nobody_up(cluster, monkeypatch, capsys):
    cluster.down = True
    monkeypatch.setattr(farewell.Cluster, "here", lambda: cluster)
    monkeypatch.setattr("sys.argv", ["farewell", "loops"])
    farewell.main()
    assert "stay as they were" in capsys.readouterr().out
