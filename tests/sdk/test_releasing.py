"""What a run registers, and what the step that makes forms says where it makes none."""

import pytest

from millrace import releasing
from millrace_contracts import traffic
from millrace_contracts.compressing import CompressPlan
from millrace_contracts.learning import TrainResult


def trained(family, layers):
    return TrainResult.model_construct(configuration={"id": "a", "family": family}, layers=layers)


ALONE = "nothing is distilled: the candidate is one lightgbm model and no ensemble, and small already"


@pytest.mark.parametrize(("plan", "family", "layers", "says"), [
    ({}, "lightgbm", 0, releasing.BY_OTHERS),
    ({}, "ensemble", 0, releasing.BY_OTHERS),
    ({}, "mlp", 3, None),
    ({"distil": True}, "ensemble", 0, None),
    ({"distil": True}, "mlp", 3, None),
    ({"distil": True}, "lightgbm", 0, f"{releasing.BY_OTHERS}; {ALONE}"),
    ({"distil": True, "targets": ["none"]}, "lightgbm", 0, ALONE),
    ({"distil": True, "targets": ["none"]}, "ensemble", 3, None),
])  # fmt: skip
def test_no_job_is_started_where_there_is_nothing_to_make_and_the_step_says_why(plan, family, layers, says):
    assert releasing.pointless(CompressPlan(**plan), trained(family, layers)) == says


def test_the_step_tells_whose_requests_it_measured_with():
    from datetime import date

    sizes = traffic.of_days([(date(2024, 3, 1), {"1": 150, "20": 50})])
    said = "measured with the rows of 200 requests from 2024-03-01 to 2024-03-01"
    assert releasing.measured_with(sizes) == f"{said} (half have up to 1, nine of ten up to 20); "
    assert releasing.measured_with(None) == ""
