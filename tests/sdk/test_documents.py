"""A loop document with mistakes: each is told with its file, line and place."""

import pytest

from millrace.documents import BadDocument, load

GOOD = """\
apiVersion: millrace.dev/v1alpha1
kind: ModelLoop
metadata: {name: shop}
spec:
  task: regression
  target: revenue
  data:
    dataset: shop
"""
BILLIONS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def mistakes(tmp_path, text):
    path = tmp_path / "loop.yaml"
    path.write_text(text)
    with pytest.raises(BadDocument) as refusal:
        load(path)
    return [str(mistake).removeprefix(str(path)) for mistake in refusal.value.mistakes]


def test_a_good_document_is_read(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(GOOD)
    assert load(path).metadata.name == "shop"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("regression", "ranking"), ":5: spec.task: "),
        (GOOD + "    timezones: UTC\n", ":9: spec.data.timezones: is no field here; did you mean 'timezone'?"),
        (GOOD + "  training: {holdout: 12h}\n", ":9: spec.training.holdout: '12h' is not a whole number of days"),
        (GOOD + "  training: {windows: [all, 60d]}\n", "windows in days need data.eventTime"),
        (GOOD + "  rollout: {canary: [{percent: 20}, {percent: 10}]}\n", "must grow from step to step"),
        (GOOD.replace("  target: revenue\n", ""), "spec.target: is missing"),
        (GOOD.replace("name: shop", "name: Shop"), ":3: metadata.name: "),
        (GOOD + "    contract: other.yaml\n", "there is no such file"),
        ("spec: [", "is not YAML"),
        ("- a", "is not a mapping"),
        (GOOD.replace("shop", "2024-02-30"), "has a number or a date that is none"),
        (GOOD.replace("shop", "9" * 5000), "has a number or a date that is none"),
        ("spec: " + "[" * 3000 + "]" * 3000, "is nested too deeply"),
        ("spec: &all {of: *all}", "is too large, with its anchors written out"),
        (BILLIONS, "is too large, with its anchors written out"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path, text, told):
    assert any(told in mistake for mistake in mistakes(tmp_path, text)) or told in str(
        mistakes(tmp_path, text)
    )


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace("regression", "ranking") + "  cooldown: soon\n  training: {folds: 1}\n"
    assert [mistake.split(": ")[1] for mistake in mistakes(tmp_path, text)] == [
        "spec.task",
        "spec.training.folds",
        "spec.cooldown",
    ]


def test_a_contract_beside_the_loop_is_held_to_its_schema(tmp_path):
    (tmp_path / "c.yaml").write_text("columns:\n- {name: revenue, type: money}\n")
    found = mistakes(tmp_path, GOOD + "    contract: c.yaml\n")
    assert any("c.yaml:2" in mistake and "type" in mistake for mistake in found)
