"""Pages of what waits for people, and of what declares a loop, in Chromium: both themes, wide and 400 pixels narrow."""

import pytest
from tests.sdk import examples

from . import browser
from .behind import page, stand_behind
from .test_accounts import COOKIE, cheap
from .test_approving import BOUND, OWN, waiting
from .test_declared import DOCUMENT, OWNER
from .test_people_seen import console, out

__all__ = ["cheap", "console", "out"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SOON = "2026-05-06T12:00:00Z"
REASON = "champion: the loss is 0.03 to 0.14 lower on 28 paired days; slices, fairness and latency passed"
NO = "ada asked for this run, or declared the loop by which it was judged; somebody else has to approve."
LACKS = "ada does not have the role approver in default."
PEOPLE = ["bea@firm.example", "carl.with.a.long.name@firm.example"]


def stand(person):
    """Three approvals: one that ada could give, one that she asked for, and one that is not hers to judge."""
    behind = stand_behind(person)
    verdict, runs = examples.gates(reason=REASON), {3: {}, 4: {"approve_refused": NO}}
    runs[5] = {"approve_refused": LACKS, "reject_refused": LACKS}
    listed = []
    for number, more in runs.items():
        told = (
            waiting("flights-of-new-york", SOON, bound=BOUND, run=number, verdict=verdict, by=PEOPLE) | more
        )
        path, own = f"GET /v1/loops/flights-of-new-york/runs/{number}", {name: told[name] for name in OWN}
        behind.answers[path] = examples.run(
            number=number, state="awaiting-approval", approval=own, verdict=verdict
        )
        behind.answers[f"{path}/approval"] = told
        listed.append(told)
    loop = examples.loop(document=DOCUMENT, owner=OWNER)
    behind.answers |= {
        "GET /v1/approvals": page(*listed),
        "GET /v1/decisions": page(),
        "GET /v1/loops/shop": loop,
        "GET /v1/loops/mine": examples.loop(name="mine", document=DOCUMENT),
    }


def test_what_waits_for_people_meets_no_serious_fault(console, out):
    app, _, base = console
    people = app.state.services.people
    key = people.begin("ada", people.clients("a-token"))
    stand(people.find(key))
    run = "/p/default/loops/flights-of-new-york/runs"
    pages = {
        "approvals": "/p/default/approvals", "mine": f"{run}/3", "asked": f"{run}/4", "lacks": f"{run}/5",
        "approve": f"{run}/3/do/approve", "reject": f"{run}/4/do/reject", "new": "/p/default/new",
        "cluster": "/p/default/loops/shop/declared", "file": "/p/default/loops/mine/declared",
    }  # fmt: skip
    assert browser.walked(base, (COOKIE, key), pages, out) == []
    assert len(list(out.glob("*.png"))) == 4 * len(pages)
