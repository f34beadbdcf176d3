"""What the other libraries are told, by a stand-in for NannyML that says what it got: none of them is needed here."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from tests.bench.decisions.peer import HERE

STAND_IN = """
import json, os
import pandas as pd

class Told:
    def __init__(self, **given):
        self.given = given

    def fit(self, table):
        kinds = {name: str(kind) for name, kind in table.dtypes.items()}
        told = {"given": self.given, "kinds": kinds, "target": table["target"].tolist()}
        open(os.environ["TOLD"], "w").write(json.dumps(told))
        return self

    def estimate(self, table):
        self.alerts = [False, True] if len(table) > 2 else [True, False]
        return self

    def filter(self, period):
        return self

    def to_df(self):
        return pd.DataFrame({("metric", "alert"): self.alerts, ("metric", "value"): 1.0})

CBPE = DLE = Told
"""


@pytest.fixture
def nannyml(tmp_path):
    """Asks of_nannyml; returns what the stand-in was told of the reference, and the answers."""
    (tmp_path / "nannyml.py").write_text(STAND_IN)

    def ask(*lines):
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "TOLD": str(tmp_path / "told.json")}
        command = [sys.executable, str(HERE / "of_nannyml.py")]
        given = "".join(json.dumps(line) + "\n" for line in lines)
        ended = subprocess.run(
            command, input=given, env=environment, capture_output=True, text=True, check=True
        )
        return json.loads((tmp_path / "told.json").read_text()), [
            json.loads(line) for line in ended.stdout.splitlines()
        ]

    return ask


def rows(classes, target):
    made = {"x": [1.0, 2.0, 3.0], "word": ["a", "1", ""], "prediction": classes[-1]}
    made |= {f"p{place}": 1 / len(classes) for place in range(len(classes))}
    return pd.DataFrame(made | ({"target": target} if target else {})).to_csv(index=False)


@pytest.mark.parametrize("classes", [["no", "yes"], ["0", "1"]])
def test_two_classes_are_told_to_nannyml_as_0_and_1(nannyml, classes):
    told = {"task": "binary", "words": ["word"], "features": ["x", "word"], "classes": classes}
    target = [classes[1], classes[0], classes[1]]
    known, answers = nannyml({**told, "reference": rows(classes, target)}, {"current": rows(classes, None)})
    assert known["target"] == [1, 0, 1]
    assert known["kinds"]["prediction"] == known["kinds"]["target"] == "int64"
    assert known["kinds"]["word"] == "category"
    assert known["given"]["y_pred_proba"] == "p1"
    assert answers == [{}, {"alarm": True}], "the newest chunk counts"


def test_many_classes_keep_their_names(nannyml):
    classes = ["1", "2", "many"]
    told = {"task": "multiclass", "words": ["word"], "features": ["x", "word"], "classes": classes}
    known, answers = nannyml({**told, "reference": rows(classes, ["1", "2", "many"])})
    assert known["target"] == ["1", "2", "many"]
    assert known["kinds"]["prediction"] == "category"
    assert known["given"]["y_pred_proba"] == {"1": "p0", "2": "p1", "many": "p2"}
    assert answers == [{}]


def test_a_class_that_no_label_of_the_reference_has_is_left_out(nannyml):
    """NannyML refuses classes that are not those of its reference; a species may come years later."""
    classes = ["1", "2", "many"]
    told = {"task": "multiclass", "words": ["word"], "features": ["x", "word"], "classes": classes}
    known, _ = nannyml({**told, "reference": rows(classes, ["1", "many", "1"])})
    assert known["given"]["y_pred_proba"] == {"1": "p0", "many": "p2"}
