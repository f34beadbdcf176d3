"""Ten written digits in 64 columns, and 120 clans: the whole loop of a newcomer, from `init` to the way back."""

import time

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_digits

from millrace.oip import HEADER_LENGTH, columns_from_rows, decode, encode

pytestmark = [
    pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(900)
]  # fmt: skip
CLANS, MEMBERS = 120, 14


def digits():
    """1,797 digits, 8 x 8 pixels each; the class is a whole number."""
    return load_digits(as_frame=True).frame.rename(columns={"target": "digit"})


def clans():
    """120 clans that live in places of their own, 14 members each; the class is a text."""
    draw = np.random.default_rng(3)
    clan = np.repeat(np.arange(CLANS), MEMBERS)
    homes = draw.uniform(-50, 50, (CLANS, 4))
    table = pd.DataFrame(homes[clan] + draw.normal(0, 1, (len(clan), 4)), columns=list("abcd"))
    table["land"] = np.array(["north", "south", "east", "west"])[clan % 4]
    table["clan"] = [f"clan-{number:03d}" for number in clan]
    return table.sample(frac=1, random_state=4).reset_index(drop=True)


KINDS = {"digits": (digits, "digit", 10, 0.9), "clans": (clans, "clan", CLANS, 0.6)}


@pytest.mark.parametrize("loop", KINDS)
def test_a_loop_of_more_classes_goes_all_the_way(millrace, client, tmp_path, loop):
    make, target, classes, least = KINDS[loop]
    table = make()
    data, file = tmp_path / f"{loop}.csv", tmp_path / f"{loop}.yaml"
    table.to_csv(data, index=False)

    millrace("init", loop, "--data", data, "--target", target, "--into", tmp_path)
    drafted = file.read_text()
    assert yaml.safe_load(drafted)["spec"]["task"] == "multiclass"
    quick = drafted.replace("trials: 12", "trials: 2")
    file.write_text(quick.replace("    folds: 5", "    executor: inline\n    folds: 3"))
    assert f"{len(table)} rows accepted" in millrace("apply", "-f", file)
    assert client.controller.await_run(loop, 1, timeout=600).state == "promoted"

    asked = table.head(20)
    rows = tmp_path / "rows.jsonl"
    asked.drop(columns=target).to_json(rows, orient="records", lines=True)
    answers = millrace("predict", loop, "--rows", rows, "-o", "json")
    truths = [str(value) for value in asked[target]]
    assert {len(item["probabilities"]) for item in answers} == {classes}
    hits = [item["class"] == truth for item, truth in zip(answers, truths, strict=True)]
    assert np.mean(hits) >= least
    (run,) = client.controller.runs(loop)
    metrics = client.training.job(run.steps["evaluate"].job).result["metrics"]["candidate"]
    assert metrics["accuracy"] > least
    assert named_by_the_gateway(client, loop, asked.drop(columns=target)) == [
        item["class"] for item in answers
    ]

    labels = tmp_path / "labels.csv"
    lines = [
        f"{item['request_id']},{item['index']},{truth}" for item, truth in zip(answers, truths, strict=True)
    ]
    labels.write_text("\n".join(["request_id,index,value", *lines]))
    deadline = time.monotonic() + 60
    while millrace("labels", "push", loop, labels, "-o", "json")["labelled"] < len(asked):
        assert time.monotonic() < deadline
        time.sleep(0.3)

    millrace("retrain", loop)
    second = client.controller.await_run(loop, 2, timeout=600)
    assert second.state in ("promoted", "rejected"), second
    if second.state == "promoted":
        millrace("rollback", loop, "--to", "1")
    again = millrace("predict", loop, "--rows", rows, "-o", "json")
    assert [item["probabilities"] for item in again] == [item["probabilities"] for item in answers]
    millrace("delete", loop, "--yes")


def named_by_the_gateway(client, loop, rows):
    """The classes that a client of the Open Inference Protocol is told."""
    signature = client.registry.version(loop, 1).signature
    body, headers = encode(columns_from_rows(rows, signature))
    answer = httpx.post(client.serving.endpoint(loop).url, content=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    outputs = decode(answer.content, int(answer.headers[HEADER_LENGTH]))
    assert outputs["probabilities"].shape == (len(rows), len(signature.classes))
    return [str(name) for name in outputs["class"]]
