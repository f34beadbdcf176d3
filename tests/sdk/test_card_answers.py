"""What a card says of the answers: what moves them, what probabilities are worth, what is confused for what."""

import pytest

from millrace import cards
from millrace_contracts.cards import ModelCard

from . import examples

OLD = {"metrics": {"candidate": {"loss": 0.4}, "champion": None}, "blocks": [],
       "importance": [{"column": "size", "loss_added": 0.2}]}  # fmt: skip
CURVE = {"column": "size", "kind": "number", "outputs": ["price"], "of_classes": False, "rows": 90,
         "points": [{"at": at, "moved": [2.0 * at - 20]} for at in range(21)]}  # fmt: skip
SHOPS = [
    {"value": "n|s", "rows": 60, "moved": [0.05, -0.05]},
    {"value": "", "rows": 30, "moved": [-0.1, 0.1]},
]
WORDS = {"column": "shop", "kind": "category", "outputs": ["a", "b"], "of_classes": True, "rows": 90,
         "categories": SHOPS}  # fmt: skip
LINE = {"rows": 5, "predicted": 4, "precision": 0.75, "recall": 0.6, "f1": 0.67, "auc": None}
CLASSES = {
    "classes": [LINE | {"name": "a"}, LINE | {"name": "b"}],
    "confusion": [[3, 2], [1, 4]],
    "confused": [],
}
FIT = {
    "calibration": [{"title": "Predicted against true", "what": "probability",
                     "points": [{"predicted": 0.25, "observed": 0.3}]}],
    "errors": [{"rows": 9, "lowest": 1, "highest": 2, "p10": -1, "p50": 0.5, "p90": 3}],
}  # fmt: skip


def card(**more) -> ModelCard:
    lineage = {
        "model": "shop", "version": 2, "digest": examples.DIGEST, "lineage": {}, "run": None, "data": [],
        "decisions": [], "champion": [],
    }  # fmt: skip
    release = examples.version(task="binary", target="repaid", golden={})
    known = {"project": "default", "loop": "shop", "told_at": examples.NOW, "declared": None, "run": None}
    parts = {"release": release, "lineage": lineage, "evaluation": OLD | more, "moves": [], "unknown": []}
    return ModelCard.model_validate(known | parts)


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({"effects": [CURVE]}, ["size, in the unit of price:", "| size | price |", "| 0 | -20 |", "| 20 | +20 |"]),
        ({"effects": [WORDS]}, ["shop, in points of probability:", "| n\\|s | 60 | +5 | -5 |",
                                "| missing | 30 | -10 | +10 |"]),
        ({"classes": CLASSES}, ["| a | 5 | 4 | 0.75 | 0.6 | 0.67 | — |", "| true class | as a | as b |",
                                "| b | 1 | 4 |"]),
        ({"fit": FIT}, ["| 25 % | 30 % |", "| 1 to 2 | 9 | 0.5 | -1 to 3 |"]),
    ],
)  # fmt: skip
def test_what_the_evaluation_has_stands_in_the_card(more, lines):
    text = cards.markdown(card(**more))
    assert [line for line in lines if line not in text] == []
    assert cards.html(card(**more))


def test_of_a_curve_eleven_points_are_told():
    assert cards.markdown(card(effects=[CURVE])).count("\n| ") - cards.markdown(card()).count("\n| ") == 12


def test_a_version_that_an_earlier_release_judged_has_its_card_all_the_same():
    text = cards.markdown(card())
    assert "Loss that is added when a column is shuffled." in text
    assert "accumulated local effects" not in text
    assert "did not tell how its answers lie beside the truth" in text
