"""What an earlier version took in can still be read, though nobody may declare it anew."""

import pytest
from pydantic import ValidationError

from millrace_contracts.loop import ModelLoop
from millrace_controller.tables import Loop

DOCUMENT = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "shop"},
    "spec": {
        "task": "regression",
        "target": "sold",
        "data": {"dataset": "shop"},
        "notify": {"channels": [{"name": "team", "email": {"to": ["anna@shop..example"]}}]},
    },
}


def test_a_loop_that_mails_nowhere_goes_on_when_the_platform_is_newer():
    with pytest.raises(ValidationError, match=r"no mail can go to anna@shop\.\.example"):
        ModelLoop.model_validate(DOCUMENT)
    assert ModelLoop.stored(DOCUMENT).spec.notify.channels[0].email.to == ["anna@shop..example"]
    assert Loop(name="shop", document=DOCUMENT).spec.target == "sold"
