"""The contract on the page of the data: what is guessed is not called said, and what is as usual is left out."""

from types import SimpleNamespace

from millrace_console.data.routes import columns

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
    assert price["rules"] == "minimum 1.0, maximum 2.0, outside_at_most 0.01, missing_at_most 0.05"
    assert (kind["guessed"], kind["said"]) == (False, kind["rules"])
    assert "minimum" not in kind["rules"]
    (learned, _) = columns(SimpleNamespace(contract=contract, declared=None, data_schema=schema))
    assert learned["guessed"], "nobody has said anything"
