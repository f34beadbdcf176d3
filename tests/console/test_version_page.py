"""The card of a version: how its answers lie beside the truth and where it answers, or that nothing is known of it."""

from types import SimpleNamespace

import pytest

from millrace_console.drawing import fit
from millrace_console.rendering import environment
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
        "judged": None, "looks": None, "serving": [], "curves": [], "errors": None, "person": person,
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
