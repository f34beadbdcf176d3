"""What an older version stored is read: the memory of detectors, and declarations that name files by their names."""

import numpy as np
import pytest

from millrace_contracts.monitors import ChampionVersion, MonitorWrite
from millrace_monitoring.closing import states
from millrace_monitoring.detectors import performance
from millrace_monitoring.tables import Typed
from millrace_stats.drift import judge
from millrace_stats.paired import SwitchBackTest
from millrace_stats.performance import Detector, Reference

from .sales import SIGNATURE, monitor

DRAW = np.random.default_rng(4)
DIGEST = "sha256:" + "0" * 64


def stored():
    """The JSON of a monitor's state as it was before slices were watched."""
    detector = Detector(Reference.fit(DRAW.normal(size=28)), 36_500.0)
    for loss in (0.1, 0.5, 2.0):
        detector.update(loss)
    pair = SwitchBackTest.start(1, earlier=DRAW.normal(size=28))
    pair.update(1.0, 0.9)
    counts = DRAW.multinomial(100, [0.25] * 4, 40)
    window = judge({"price": counts[:33]}, {"price": counts[33:]})
    scores = [score.to_dict() for score in window.scores]
    told = {"rows": window.rows, "observing": window.observing, "firing": window.firing, "scores": scores}
    watch = {
        "waiting": [],
        "detector": detector.to_dict(),
        "source": "holdout",
        "quiet": 3,
        "last": {"loss": 2.0},
    }
    return {
        "champion": 3,
        "since": "2024-03-01",
        "watch": watch,
        "pairs": {"2": pair.to_dict()},
        "window": ["2024-03-02", "2024-03-03"],
        "drift_before": told,
        "shares": [1.0, 0.5],
    }


def test_the_memory_of_an_older_version_is_read_and_kept_bit_for_bit():
    before = stored()
    after = states.dump(states.load(before))
    del before["watch"]["last"]
    before["watch"] |= {"weekdays": [], "scores": []}
    assert {name: after[name] for name in before} == before
    assert (after["slices"], after["normal"]) == ({}, {})


def test_a_detector_that_still_gathers_its_reference_goes_on_where_it_was():
    watch = {"waiting": [1.0, 2.0], "detector": None, "source": "first live days", "quiet": 0, "last": {}}
    kept = states.load(stored() | {"watch": watch}).performance.watch
    told, _ = performance.update(kept, 3.0, MonitorWrite.model_validate(declared()).policy.performance)
    assert told.reference_days == 3


def test_a_monitor_that_has_closed_nothing_has_no_champion_yet():
    assert states.load({}).champion is None


def declared():
    return monitor({"version": 1, "revision": None, "files": {"model.onnx": DIGEST}, "trained_through": None})


@pytest.mark.parametrize(
    ("kind", "old"), [(MonitorWrite, declared()), (ChampionVersion, declared()["champion"])]
)
def test_a_declaration_is_the_same_after_its_way_through_sql(kind, old):
    column = Typed(kind)
    value = column.process_result_value(old, None)
    assert isinstance(value, kind)
    assert column.process_result_value(column.process_bind_param(value, None), None) == value
    assert column.process_result_value(None, None) is None


def test_a_declaration_of_an_older_version_names_its_files_and_policy():
    value = Typed(MonitorWrite).process_result_value(declared(), None)
    assert value.champion.files.digest("model") == DIGEST
    assert value.policy.drift.window_days == 14
    assert [item.name for item in value.signature.inputs] == [item["name"] for item in SIGNATURE["inputs"]]
