"""The contract on the page of the data: what is guessed is not called said, and what is as usual is left out."""

from types import SimpleNamespace

from millrace_console.data import profiles, rules
from millrace_console.data.routes import columns
from millrace_contracts.datasets import DatasetVersionRead

GUESSED = {
    "name": "price", "type": "number", "required": True, "minimum": 1.0, "maximum": 2.0, "outside_at_most": 0.01,
    "unknown_at_most": 0.0, "missing_at_most": 0.05, "guessed": True,
}  # fmt: skip
SAID = {"name": "kind", "type": "string", "allowed": ["x"], "unknown_at_most": 0.05, "guessed": False}


def test_a_guess_and_what_a_person_says_are_told_apart():
    contract = {"columns": [GUESSED, SAID]}
    schema = [
        SimpleNamespace(name=item["name"], type=item["type"], nullable=True) for item in (GUESSED, SAID)
    ]
    price, kind = columns(SimpleNamespace(contract=contract, declared=contract, data_schema=schema))
    assert (price["guessed"], price["said"]) == (True, "")
    assert price["rules"] == "1 to 2, at most 1 % outside it; at most 5 % missing"
    assert (kind["guessed"], kind["said"]) == (False, kind["rules"])
    assert kind["rules"] == "x, at most 5 % of others"
    (learned, _) = columns(SimpleNamespace(contract=contract, declared=None, data_schema=schema))
    assert learned["guessed"], "nobody has said anything"


def test_a_contract_is_told_in_words():
    assert rules.told({"missing_at_most": 1.0, "required": True, "unknown_at_most": 0.5}) == ""
    assert rules.told({"minimum": 0, "maximum": None, "outside_at_most": 0.0, "missing_at_most": 0.0}) == (
        "at least 0; never missing"
    )
    assert rules.told({"maximum": 25000.0, "required": False, "unique": True, "trusted": True}) == (
        "at most 25000; may be left out; no value twice; not screened for leaks"
    )
    assert (
        rules.told({"shape": [28, 28], "allowed": [], "later": "x"}) == "28 × 28 numbers; no value; later x"
    )
    assert len(rules.told({"allowed": [f"word {n}" for n in range(99)]})) == 80


def test_a_profile_tells_extents_and_the_commonest_and_what_is_no_profile_tells_nothing():
    told = {"rows": 200, "columns": {
        "price": {"type": "double", "missing": 10, "distinct": 40, "minimum": 1.0, "maximum": 9.5, "mean": 4.25,
                  "deviation": 1.0, "quartiles": [2.0, 4.0, 6.0]},
        "shop": {"type": "string", "missing": 0, "distinct": 2, "top": [["north", 150], ["south", 50]]},
        "odd": {"missing": "many", "top": [1, [2]]}, "odder": 5,
    }}  # fmt: skip
    price, shop, odd = profiles.columns(DatasetVersionRead.model_construct(profile=told))
    assert (price.missing, price.distinct) == (0.05, 40)
    assert price.told == "1 to 9.5, half of them 2 to 6, mean 4.25"
    assert shop.told == "north 75 %, south 25 %"
    assert (odd.missing, odd.distinct, odd.told) == (None, None, "")
    assert profiles.columns(None) == profiles.columns(DatasetVersionRead.model_construct(profile={})) == []
