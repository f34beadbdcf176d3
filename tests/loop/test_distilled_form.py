"""An ensemble's small pupil serves in a real Triton: rolled out with its version, and brought back by a rollback."""

import time

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.datasets import make_friedman1
from tests.loop.conftest import document

from millrace.delivery import push
from millrace_contracts.loop import ModelLoop
from millrace_contracts.variants import BASE_TARGET, DISTILLED

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(900)]
LOOP, ROWS, ASKED = "taught", 1_500, 64
COLUMNS = [f"x{place}" for place in range(6)]
TRAINING = {"search": {"trials": 4}, "executor": "inline", "folds": 3, "seed": 0, "variants": ["none"]}


def taught(distil, **more):
    """The loop; its margin is wide, for how good a small model has to be is another test's question."""
    training = TRAINING | {"distil": distil} | more
    return ModelLoop.model_validate(document(LOOP, task="regression", target="y", training=training))


@pytest.fixture(scope="module")
def rows():
    """Sums and products of numbers, for which a search takes an ensemble."""
    made, target = make_friedman1(ROWS, len(COLUMNS), noise=1.0, random_state=1)
    return pd.DataFrame(made.round(4), columns=COLUMNS).assign(y=target.round(4))


@pytest.fixture(scope="module")
def first(client, rows, tmp_path_factory):
    """The version that the first run promoted, with its forms."""
    path = tmp_path_factory.mktemp("taught") / "rows.csv"
    rows.to_csv(path, index=False)
    client.controller.apply(taught(True))
    assert push(client, LOOP, path).accepted
    run = client.controller.await_run(LOOP, 1, timeout=400)
    assert run.state == "promoted", run
    return client.registry.version(LOOP, 1)


def served(client):
    """Version and form of the stable revision."""
    endpoint = client.serving.endpoint(LOOP)
    return next((item.version, item.form) for item in endpoint.revisions if item.number == endpoint.stable)


def answers(client, rows):
    """Predictions through the gateway, (rows,)."""
    said = client.serving.predict(LOOP, rows[COLUMNS].head(ASKED).to_dict("records"))
    return np.array(said.predictions, np.float64)


def by_graph(client, version, target, rows):
    """What a form's graph answers here, (rows,)."""
    digest = next(item.digest for item in version.variants if item.target == target)
    session = onnxruntime.InferenceSession(client.registry.get_artifact(digest))
    bits = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    columns = {item.name: item.column for item in version.signature.inputs}
    feeds = {
        item.name: rows[columns[item.name]].head(ASKED).to_numpy(bits[item.type])[:, None]
        for item in session.get_inputs()
    }
    return session.run(["prediction"], feeds)[0].reshape(-1)


def until_distilled(client, patience=120):
    """Where the form was measured for another runtime than Triton's, serving measures and rolls it out by itself."""
    deadline = time.monotonic() + patience
    while (found := served(client))[1].target != DISTILLED:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    return found


def test_a_distilled_form_is_rolled_out_and_brought_back_bit_for_bit(client, first, rows):
    (run,) = client.controller.runs(LOOP)
    assert len(first.variants) == 2, run.steps["compress"]
    base, form = first.variants
    assert (base.target, form.target, form.state) == (BASE_TARGET, DISTILLED, "kept"), form.reason
    assert form.taught.teacher == base.digest
    version, how = until_distilled(client)
    assert (version, how.reason) == (1, "Fastest")
    before = answers(client, rows)
    assert before == pytest.approx(by_graph(client, first, DISTILLED, rows), rel=1e-5)
    ensemble = by_graph(client, first, BASE_TARGET, rows)
    assert np.abs(before - ensemble).max() > 0.01, "the ensemble answers otherwise"

    client.controller.apply(taught(False, folds=4))
    run = client.controller.await_run(LOOP, 2, timeout=400)
    assert run.state == "promoted", run
    assert served(client)[0] == 2
    assert served(client)[1].target == BASE_TARGET

    client.controller.rollback(LOOP, to=1)
    version, how = served(client)
    assert (version, how.target) == (1, DISTILLED)
    assert (answers(client, rows) == before).all()
