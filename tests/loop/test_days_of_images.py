"""Images with event time on a real platform: days close, drift is told by statistics of each image, labels join them,
an alarm opens a run, and the images that were asked about are among the rows of the next version."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from sklearn.datasets import load_digits

from millrace.delivery import push
from millrace_contracts.labels import LabelWrite
from millrace_contracts.loop import ModelLoop
from millrace_stats.shaped import STATISTICS
from millrace_table import tensors

from .conftest import document

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(900)]
LOOP = "scans"
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
TRAINED, LIVE, A_DAY = 45, 14, 30
CHANGED = 3
"""From this live day on the pen is fainter."""


@pytest.fixture(scope="module")
def images():
    """Images (days, rows, 8, 8) in event order, and what they show."""
    pixels, shown = load_digits(return_X_y=True)
    count = (TRAINED + LIVE) * A_DAY
    order = np.random.default_rng(1).permutation(len(shown))[:count]
    made = pixels[order].reshape(-1, A_DAY, 8, 8).astype(np.float32)
    made[TRAINED + CHANGED :] *= 0.75
    return made, shown[order].astype(str).reshape(-1, A_DAY)


@pytest.fixture(scope="module")
def session(client, images, tmp_path_factory):
    """The loop, and its first champion: trained on the days before the live ones."""
    pixels, shown = images
    file = tmp_path_factory.mktemp("scans") / "scans.parquet"
    at = [
        BEGIN + timedelta(days=day, hours=12, minutes=row) for day in range(TRAINED) for row in range(A_DAY)
    ]
    table = {
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "image": tensors.from_numpy(pixels[:TRAINED].reshape(-1, 8, 8), [8, 8]),
        "digit": shown[:TRAINED].reshape(-1),
    }
    parquet.write_table(pa.table(table), file)
    spec = {
        "task": "multiclass",
        "target": "digit",
        "data": {"dataset": LOOP, "eventTime": "at", "labelDelay": "0s"},
        "training": {
            "search": {"trials": 1, "families": ["mlp"]},
            "executor": "inline",
            "holdout": "10d",
            "variants": ["none"],
        },
        "gates": {"champion": {"margin": 5, "minimumDays": 3}},
        "monitoring": {"drift": {"window": "4d"}},
        "triggers": {"alarms": ["performance", "drift"]},
        "cooldown": "1d",
    }
    client.controller.apply(ModelLoop.model_validate(document(LOOP, **spec)))
    assert push(client, LOOP, file).accepted
    first = client.controller.await_run(LOOP, 1, timeout=300)
    assert first.state == "promoted", first
    return client


@pytest.fixture(scope="module")
def lived(session, images):
    """The live days, one after the other: asked, logged, labelled, closed."""
    pixels, shown = images
    answered = 0
    for day in range(TRAINED, TRAINED + LIVE):
        noon = BEGIN + timedelta(days=day, hours=12)
        rows = [{"image": image.tolist()} for image in pixels[day]]
        answer = session.serving.predict(LOOP, rows, event_time=noon)
        answered += len(rows)
        _logged(session, answered)
        through = BEGIN + timedelta(days=day + 1)
        labels = [
            LabelWrite(request_id=answer.request_id, index=index, value=value, at=through)
            for index, value in enumerate(shown[day])
        ]
        assert session.monitoring.push_labels(LOOP, labels, complete_through=through).new == A_DAY
        session.controller.settle(LOOP, through, timeout=300)
    return session


def _logged(client, rows):
    deadline = time.monotonic() + 60
    while client.monitoring.monitor(LOOP).counts.logged < rows:
        assert time.monotonic() < deadline, client.monitoring.monitor(LOOP)
        time.sleep(0.2)


def live(day):
    return (BEGIN + timedelta(days=TRAINED + day)).date()


def test_every_day_closes_with_its_rows_and_its_loss(lived):
    closed = {item.day: item for item in lived.monitoring.closings(LOOP)}
    days = [closed[live(day)] for day in range(LIVE)]
    assert [(item.rows, item.labelled) for item in days] == [(A_DAY, A_DAY)] * LIVE
    before = np.mean([item.loss for item in days[:CHANGED]])
    assert days[CHANGED].loss > before


def test_drift_is_seen_in_statistics_of_the_image_and_in_no_single_pixel(lived):
    told = lived.monitoring.drift(LOOP)
    watched = {name for item in told for name in item.psi}
    assert {f"image.{word}" for word in STATISTICS} <= watched
    assert not any("[" in name for name in watched), watched
    late = [item for item in told if item.day >= live(CHANGED + 4)]
    assert any(item.psi["image.norm"] > 0.1 for item in late)


def test_the_alarm_opens_a_run_that_learns_from_the_images_that_were_asked_about(lived):
    runs = lived.controller.runs(LOOP)
    opened = [run for run in runs if run.number > 1]
    assert opened, lived.monitoring.alarms(LOOP)
    assert {run.cause.kind for run in opened} <= {"performance", "drift", "alarm"}
    assert opened[0].state == "promoted", opened[0]
    version = lived.registry.version(LOOP, 2)
    data = lived.registry.dataset_version(LOOP, version.lineage.dataset_version)
    assert data.rows > TRAINED * A_DAY
    (image,) = version.signature.inputs
    assert (image.kind, image.dims) == ("tensor", [8, 8])


def test_the_page_of_the_monitor_names_the_statistics(lived):
    page = lived.monitoring.report(LOOP)
    assert "image.norm" in page
