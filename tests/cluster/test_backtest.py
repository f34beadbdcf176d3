"""A backtest on a cluster: a Job of the training image replays the history, also when its pod is deleted on its way."""

import pytest
from tests.loop.test_backtest import document, history

pytestmark = pytest.mark.timeout(900)
BEGIN = """
import json, time
from pathlib import Path
from millrace.client import Millrace
from millrace_contracts.backtests import BacktestWrite
from millrace_contracts.loop import ModelLoop
client = Millrace.from_environment("team-a")
path = Path(f"/tmp/history-{time.time_ns()}.csv")
path.write_text(HISTORY)
loop, digest = ModelLoop.model_validate(DOCUMENT), client.registry.put_artifact(path)
begun = client.controller.backtest(BacktestWrite(loop=loop, digest=digest, format="csv", name=path.name))
print(json.dumps(begun.id))
"""


def test_a_history_is_replayed_beside_the_controller_although_its_pod_is_deleted(kube, release, tmp_path):
    history(tmp_path / "history.csv")
    given = f"HISTORY = {(tmp_path / 'history.csv').read_text()!r}\nDOCUMENT = {document()!r}\n"
    id = release.python(given + BEGIN)

    def state():
        return release.call(f"client.controller.backtest_state({id!r})", "team-a")

    def days():
        now = state()
        assert now["state"] in ("queued", "running"), now["message"]
        return now["progress"].get("done", 0) >= 3

    kube.until("some days are replayed", 300, days, release.namespace)
    (pod,) = release.names("backtest", running=True)
    kube.kubectl("delete", "pod", pod, "-n", release.namespace, "--wait=false")
    found = kube.until(
        "the end", 420, lambda: (now := state())["ended_at"] is not None and now, release.namespace
    )
    assert found["state"] == "succeeded", found["message"]
    assert found["attempts"] == 2
    last = max(found["result"]["loop"]["by_month"])
    assert found["result"]["loop"]["by_month"][last] < 0.7 * found["result"]["static"]["by_month"][last]
    assert len(found["result"]["promotions"]) >= 2
