"""The card of a version: how its answers lie beside the truth and where it answers, or that nothing is known of it."""

from types import SimpleNamespace

import pytest

from millrace_console.drawing import effects, fit
from millrace_console.rendering import environment
from millrace_contracts.effects import CategoryEffect, Effect, EffectPoint
from millrace_contracts.endpoints import RevisionRead, RevisionState
from millrace_contracts.fits import CalibrationCurve, CalibrationPoint, ErrorSpan
from millrace_contracts.models import Lineage, ModelVersionRead

CURVE = CalibrationCurve(
    title="Predicted against true", what="p", points=[CalibrationPoint(predicted=0.2, observed=0.4)]
)
SPAN = ErrorSpan(rows=5, lowest=1, highest=2, p10=-1, p50=0.5, p90=1)


def shown(**more):
    version = ModelVersionRead.model_construct(
        model="sales", number=2, digest="sha256:" + "0" * 64, task="binary", target="sold", lineage=Lineage(),
        created_at=None, metrics={}, environment={}, variants=[], front=None,
        signature=SimpleNamespace(inputs=[]), files=SimpleNamespace(files=[]),
    )  # fmt: skip
    lineage = SimpleNamespace(champion=[], data=[], decisions=[], run=None)
    person = SimpleNamespace(name="ada", csrf="x")
    values = {
        "it": version, "lineage": lineage, "metrics": [], "environment": [], "params": [], "front": None,
        "judged": None, "looks": None, "serving": [], "curves": [], "errors": None, "moved": [], "person": person,
        "project": "default", "projects": ["default"], "section": "loops", "loop_name": "sales", "missing": [],
        "path": "/", "query": "",
    }  # fmt: skip
    return environment().get_template("version.html").render(values | more)


def test_a_version_of_which_nothing_else_is_known_has_a_card_all_the_same():
    page = shown()
    assert "No endpoint has it loaded." in page
    assert "By how much it is wrong" not in page


def test_while_serving_is_away_nothing_is_said_of_where_it_is_loaded():
    page = shown(missing=["serving does not answer now (no answer within 5 s); what it knows is missing."])
    assert "Not known now: serving does not answer." in page
    assert "No endpoint has it loaded" not in page


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"curves": [(CURVE.title, fit.calibration(CURVE))]}, 'id="curve-1">Predicted against true'),
        ({"errors": fit.errors([SPAN])}, "By how much it is wrong"),
    ],
)
def test_it_draws_its_calibration_or_its_errors(more, words):
    page = shown(**more)
    assert words in page
    assert '<svg class="chart"' in page


def test_it_says_where_it_answers():
    revision = RevisionRead.model_construct(
        name="sales--r2", version=2, state=RevisionState.READY, weight=10_000, form=None
    )
    page = shown(serving=[revision])
    assert "sales--r2" in page
    assert "100 %" in page


def number_effect(outputs, of_classes, *moved, **more):
    points = [EffectPoint(at=at, moved=by) for at, by in enumerate(moved)]
    return Effect(
        column="size", kind="number", outputs=outputs, of_classes=of_classes, rows=9, points=points
    ).model_copy(update=more)


WORDS = Effect(
    column="shop", kind="category", outputs=["yes"], of_classes=True, rows=9,
    categories=[CategoryEffect(value=value, rows=4, moved=[by]) for value, by in (("<b>", 0.05), ("", -0.125))],
)  # fmt: skip


class TestEffects:
    def test_a_number_is_a_curve_in_the_unit_of_the_target(self):
        drawn = effects.effect(number_effect(["price"], False, [-2.5], [0.5], [2.0]))
        assert drawn.count('class="moved m0"') == 1
        assert "in the unit of price" in drawn
        assert "size 2: price +2" in drawn

    def test_many_classes_have_a_curve_each_in_points_of_probability(self):
        drawn = effects.effect(number_effect(["a", "b"], True, [-0.25, 0.25], [0.25, -0.25]))
        assert drawn.count('class="moved m') == 2
        assert "● b" in drawn
        assert "size 1: b -25" in drawn
        assert "in points of probability" in drawn

    def test_a_time_is_told_as_a_date(self):
        assert "1970-01-01" in effects.effect(number_effect(["y"], False, [0.0], [1.0], kind="timestamp"))

    def test_categories_are_dots_with_their_rows(self):
        drawn = effects.effect(WORDS)
        assert "&lt;b&gt;, 4 rows: yes +5" in drawn
        assert "missing, 4 rows: yes -12.5" in drawn
        assert "in points of probability of yes" in drawn

    def test_they_stand_on_the_page_and_a_version_of_an_earlier_release_has_none(self):
        assert "How the answer moves with it" in shown(moved=[("shop", effects.effect(WORDS))])
        assert "How the answer moves with it" not in shown(moved=[])
