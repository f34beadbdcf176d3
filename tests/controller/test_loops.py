"""A loop through its days: runs, promotions, cool-downs, pauses, deletion; one champion everywhere."""

from datetime import date, timedelta
from types import SimpleNamespace

import httpx
import pytest
from tests.controller.test_rules import spec

from millrace_contracts.rows import DeliveryReport
from millrace_contracts.verdicts import GateResult, GatesVerdict
from millrace_controller.clock import queries, worker
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import returning
from millrace_core.errors import Conflict
from millrace_table import reading
from millrace_table.refusals import Unreadable

from .conftest import alarm, champion_everywhere, closed, day, document, promoted_twice


async def test_data_opens_the_first_run_and_a_first_champion_needs_no_canary(loop):
    await champion_everywhere(loop, 1)
    run = (await loop.runs())[0]
    assert (run["state"], run["cause"]["kind"]) == ("promoted", "data")
    kinds = [item["kind"] for item in loop.world.decisions.values()]
    assert kinds == ["loop.applied", "run.opened", "gate.verdict", "model.registered", "run.closed"]
    assert (await loop.loop())["phase"] == "watching"


async def test_decisions_of_a_run_stand_in_the_chain_in_the_order_of_their_causes(platform):
    await platform.call("PUT", "/v1/loops/sales", 200, json=document())
    platform.world.add_data("sales", 1000)
    while await worker.step(platform.services, 1):
        while platform.world.tell():
            pass
    await platform.deliver()
    assert list(platform.world.chain.values()) == [
        "loop.applied", "run.opened", "gate.verdict", "model.registered", "rollout.started", "rollout.promoted",
        "run.closed",
    ]  # fmt: skip


async def test_a_loop_of_many_classes_is_judged_by_what_its_classes_are_worth(platform):
    gates = {"absolute": [{"metric": "macro_f1", "atLeast": 0.4}]}
    platform.world.metrics = {"skill": 0.3, "macro_f1": 0.5}
    platform.world.add_data("sales", 1000)
    await platform.apply(document(task="multiclass", gates=gates))
    await platform.rest()
    await champion_everywhere(platform, 1)
    told = (await platform.runs())[0]["verdict"]["gates"]
    assert [gate["name"] for gate in told] == ["useful", "absolute:macro_f1"]
    assert platform.world.monitors["sales"]["task"] == "multiclass"


async def test_a_declared_loop_without_data_waits(platform):
    await platform.apply(document())
    await platform.rest()
    found = await platform.loop()
    assert (found["phase"], found["run"], found["champion"]) == ("waiting", None, None)


async def test_the_same_document_again_changes_nothing(loop):
    before = len(loop.world.decisions)
    assert (await loop.apply(document()))["generation"] == 1
    await loop.rest()
    assert len(await loop.runs()) == 1
    assert len(loop.world.decisions) == before


async def test_an_alarm_retrains_and_the_rollout_takes_its_event_days(loop):
    await closed(loop, *range(1, 15))
    await closed(loop, 15, alarms=[alarm(15)], standing=["performance"])
    run = (await loop.runs())[1]
    assert (run["state"], run["cause"]["kind"]) == ("rolling-out", "alarm")
    assert run["opened_at"] == day(15)
    plan = (await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200))["train"]
    assert (plan["cut"], plan["search"]) == (day(15), "refit")
    await champion_everywhere(loop, 1)
    await closed(loop, 16)
    await champion_everywhere(loop, 2)
    assert (await loop.loop())["archive"] == [1]
    assert loop.world.monitors["sales"]["champion"]["effective_from"] == day(16)
    assert (await loop.loop())["settled_through"] == day(16)


INT8 = {"target": "ort-cpu-int8", "nodes": [], "reason": "Fastest", "message": "", "wants": []}


async def test_monitoring_is_told_when_the_champion_answers_in_another_form(loop):
    await closed(loop, 1)
    assert loop.world.monitors["sales"]["champion"]["revision"] == "sales--r1"
    second = {"number": 2, "name": "sales--r2", "version": 1, "state": "ready", "form": INT8}
    loop.world.endpoints["sales"]["revisions"].append(second)
    await closed(loop, 2)
    told = loop.world.monitors["sales"]["champion"]
    assert (told["revision"], told["variant"], told["effective_from"]) == (
        "sales--r2",
        "ort-cpu-int8",
        day(2),
    )


async def test_a_run_ends_with_its_own_rollout_though_another_form_is_rolled_out_behind_it(loop):
    await closed(loop, *range(1, 15))
    await closed(loop, 15, alarms=[alarm(15)], standing=["performance"])
    endpoint = loop.world.endpoints["sales"]
    mine = endpoint["rollouts"][-1]
    mine["state"], endpoint["stable_version"] = "promoted", mine["version"]
    switch = mine | {"id": mine["id"] + 1, "state": "mirroring", "since": day(15), "seconds": 10 * 86400}
    endpoint["rollouts"].append(switch)
    await closed(loop, 16)
    await champion_everywhere(loop, 2)
    assert (await loop.runs())[1]["state"] == "promoted"


async def test_a_thousand_identical_alarms_are_one_run(loop):
    await closed(loop, *range(1, 15))
    await closed(loop, 15, alarms=[alarm(15) for _ in range(1000)], standing=["performance"])
    for number in range(16, 29):
        await closed(loop, number, alarms=[alarm(15)] * 50, standing=["performance"])
    assert len(await loop.runs()) == 2


async def test_a_closing_told_twice_is_one_run(loop):
    await closed(loop, *range(1, 31))
    feed = await loop.services.clients.monitoring.feed()
    async with loop.services.sessions.begin() as session:
        await queries.receive(session, feed.items)
    await loop.rest()
    assert len(await loop.runs()) == 2


async def test_the_schedule_counts_event_days(loop):
    await closed(loop, *range(1, 30))
    assert len(await loop.runs()) == 1
    await closed(loop, 30)
    assert (await loop.runs())[1]["cause"]["kind"] == "schedule"


async def test_an_alarm_in_the_cool_down_is_answered_after_it_if_it_is_still_open(loop):
    await closed(loop, 3, alarms=[alarm(3)], open=[alarm(3)], standing=["performance"])
    await closed(loop, *range(4, 14), open=[alarm(3)])
    assert len(await loop.runs()) == 1
    await closed(loop, 14, open=[alarm(3)])
    assert (await loop.runs())[1]["opened_at"] == day(14)


async def test_an_alarm_that_passed_within_the_cool_down_is_forgotten(loop):
    await closed(loop, 3, alarms=[alarm(3)], open=[alarm(3)], standing=["performance"])
    await closed(loop, *range(4, 20))
    assert len(await loop.runs()) == 1


async def test_alarms_of_a_kind_that_is_no_trigger_open_nothing(loop):
    await closed(loop, *range(1, 20), alarms=[alarm(1, "drift:x", "drift")], standing=["drift:x"])
    assert len(await loop.runs()) == 1


async def test_a_worse_candidate_is_rejected_with_its_numbers(loop):
    loop.world.losses = lambda dataset, run: (20.0, 10.0)
    await closed(loop, *range(1, 31))
    run = (await loop.runs())[1]
    assert (run["state"], run["verdict"]["verdict"]) == ("rejected", "failed")
    assert "+100" in run["message"]
    await champion_everywhere(loop, 1)


async def test_a_run_that_finds_an_archived_version_better_ends_with_the_way_back_to_it(loop):
    await promoted_twice(loop)
    loop.world.losses, loop.world.archived = lambda dataset, run: (20.0, 10.0), lambda version: 7.0
    await closed(loop, *range(32, 61))
    run = (await loop.runs())[2]
    assert (run["state"], run["verdict"]["back"]) == ("rejected", 1)
    first, plan = [await loop.call("GET", f"/v1/loops/sales/runs/{number}/plan", 200) for number in (1, 3)]
    assert [item["version"] for item in plan["evaluate"]["archived"]] == [1]
    assert (plan["train"]["rolling"], first["train"].get("rolling")) == (True, None), (
        "a first model has no rival"
    )
    assert loop.world.aliases["sales", "champion"] == 1
    told = [item for item in loop.world.decisions.values() if item["kind"] == "switch-back"]
    assert ["version 1, the best of 1 archived" in item["reason"] for item in told] == [True]
    loop.world.archived = lambda version: 12.0
    await closed(loop, *range(61, 95))
    await champion_everywhere(loop, 1)
    assert len([item for item in loop.world.decisions.values() if item["kind"] == "switch-back"]) == 1
    assert loop.world.monitors["sales"]["archived"][0]["version"] == 2, "who was left may come back in turn"


@pytest.mark.parametrize(
    "otherwise", [{"state": "paused"}, {"champion": 9}, {"archive": [4]}, {"route_intent": "somewhere"}]
)
def test_a_run_does_not_lead_back_where_the_loop_stands_otherwise_by_its_end(otherwise):
    gate = GateResult(name="archive", verdict="failed", reason="better")
    verdict = GatesVerdict(verdict="failed", reason="better", gates=[gate], back=1)
    run = SimpleNamespace(verdict=verdict, plan=SimpleNamespace(evaluate={"champion": {"version": 2}}))
    loop = {"state": "active", "champion": 2, "archive": [1], "route_intent": None, "spec": spec()}
    assert returning.wanted(SimpleNamespace(**loop), run).version == 1
    assert returning.wanted(SimpleNamespace(**loop | otherwise), run) is None


async def test_a_candidate_with_a_hard_fault_never_becomes_champion(loop):
    loop.world.faulty_versions.add(2)
    await closed(loop, *range(1, 31))
    run = (await loop.runs())[1]
    assert (run["state"], run["version"]) == ("aborted", 2)
    await champion_everywhere(loop, 1)


async def test_a_pause_opens_nothing_and_a_resume_goes_on(loop):
    await loop.call("POST", "/v1/loops/sales:pause", 200)
    await closed(loop, *range(1, 40), switch_back=None)
    assert len(await loop.runs()) == 1
    assert (await loop.loop())["phase"] == "paused"
    refused = await loop.call("POST", "/v1/loops/sales:retrain", 409, json={})
    assert "paused" in refused["detail"]
    assert "millrace resume sales" in refused["detail"]
    assert (await loop.loop())["settled_through"] == day(39)
    await loop.call("POST", "/v1/loops/sales:resume", 200)
    await closed(loop, 40)
    assert len(await loop.runs()) == 2
    for _ in range(2):
        await loop.call("POST", "/v1/loops/sales:pause", 200)
    await loop.rest()
    paused = loop.world.of_kind("loop.paused")
    assert len(paused) == 2
    assert {item["author"] for item in paused + loop.world.of_kind("loop.resumed")} == {"user:admin"}


async def test_retraining_by_hand_ignores_the_cool_down_and_its_key_is_one_run(loop):
    await closed(loop, 2)
    answer = await loop.call("POST", "/v1/loops/sales:retrain", 201, json={"key": "k"})
    assert (await loop.call("POST", "/v1/loops/sales:retrain", 201, json={"key": "k"}))["number"] == 2
    await loop.call("POST", "/v1/loops/sales:retrain", 409, json={"key": "other"})
    assert (answer["number"], answer["opened_at"]) == (2, day(2))
    await loop.rest()
    await loop.call("POST", "/v1/loops/sales:retrain", 409, json={"key": "other"})


ADOPTED = {"model": "prices", "version": 3, "path": "model.onnx", "digest": "sha256:" + "a" * 64, "size": 9}
ASKED = {"model": "prices", "version": 3, "trained_through": "2024-01-01T00:00:00Z"}


async def test_a_model_that_mlflow_registered_is_a_candidate_of_one_run_and_the_next_run_trains_again(loop):
    await closed(loop, 2)
    loop.world.adoptable["prices", 3] = (200, ADOPTED)
    made = await loop.call("POST", "/v1/loops/sales:adopt", 201, json=ASKED)
    assert (
        (await loop.call("POST", "/v1/loops/sales:adopt", 201, json=ASKED))["number"] == made["number"] == 2
    )
    assert made["cause"]["kind"] == "hand"
    assert "version 3 of prices" in made["cause"]["reason"]
    assert made["cause"]["evidence"]["adopted"]["digest"] == ADOPTED["digest"]
    async with loop.services.readers() as session:
        declared = await lookup.get(session, "default", "sales")
        before = declared.configurations
    plan = await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200)
    assert plan["train"]["adopt"] == {
        "model": "prices",
        "version": 3,
        "digest": ADOPTED["digest"],
        "trained_through": "2024-01-01T00:00:00Z",
    }
    assert "search" not in plan["train"]
    await loop.rest()
    (run,) = [item for item in await loop.runs() if item["number"] == 2]
    assert run["verdict"]["gates"], "it met the loop's gates"
    async with loop.services.readers() as session:
        assert (await lookup.get(session, "default", "sales")).configurations == before
    await loop.call("POST", "/v1/loops/sales:retrain", 409, json={"key": "while it rolls out"})


async def test_what_cannot_be_adopted_or_judged_is_refused_with_the_remedy(loop, platform):
    await closed(loop, 2)
    told = {
        "detail": "It is no ONNX model.",
        "errors": [{"where": "version", "what": "w", "mend": "log it as ONNX"}],
    }
    loop.world.adoptable["prices", 3] = (422, told)
    said = await loop.call("POST", "/v1/loops/sales:adopt", 422, json=ASKED)
    assert (said["detail"], said["errors"][0]["mend"]) == (told["detail"], "log it as ONNX")
    await loop.call("POST", "/v1/loops/sales:adopt", 404, json=ASKED | {"version": 4})
    await loop.call("POST", "/v1/loops/sales:adopt", 422, json=ASKED | {"trained_through": "2024-01-01"})
    assert len(await loop.runs()) == 1


async def test_a_new_spec_searches_again_and_monitoring_learns_the_policy_at_once(loop):
    await closed(loop, 2)
    changed = document(gates={"champion": {"margin": 0.5}}, monitoring={"drift": {"psi": 0.3}})
    loop.world.losses = lambda dataset, run: (20.0, 10.0)
    assert (await loop.apply(changed))["generation"] == 2
    await loop.rest()
    run = (await loop.runs())[1]
    assert (run["cause"]["kind"], run["state"]) == ("spec", "rejected")
    assert (await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200))["train"]["search"] == "full"
    assert loop.world.monitors["sales"]["policy"]["drift"]["psi"] == 0.3
    await loop.rest()
    assert len(await loop.runs()) == 2


async def test_code_of_ones_own_is_another_spec_and_must_have_been_uploaded(loop):
    refused = await loop.apply(document(training={"code": {"path": "training"}}), 422)
    assert refused["errors"][0]["where"] == "spec.training.code.path"
    assert "millrace code push" in refused["errors"][0]["what"]
    code = {"digest": f"sha256:{'a' * 64}", "image": "registry.example/torch"}
    assert (await loop.apply(document(training={"code": code})))["generation"] == 2
    await loop.rest()
    train = (await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200))["train"]
    assert (train["code"]["digest"], train["search"], train["configurations"]) == (
        code["digest"],
        "full",
        None,
    )
    assert "training.code.image needs a cluster" in str(await loop.loop())


async def test_a_search_for_latency_is_asked_for_and_its_figure_goes_to_serving_to_be_measured_anew(
    loop, monkeypatch
):
    from .fakes import RESULTS
    from .fronts import FRONT

    trained = RESULTS["train"]
    monkeypatch.setitem(RESULTS, "train", lambda *order: trained(*order) | {"front": FRONT})
    search = {"objectives": ["loss", "latency"], "latency": {"under": "2ms", "rows": 8}}
    changed = document(training={"search": search}, gates={"champion": {"margin": 0.5}})
    assert (await loop.apply(changed))["generation"] == 2
    await loop.rest()
    train = (await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200))["train"]
    assert train["latency"] == {"under_ms": 2.0, "rows": 8, "margin": 0.5}
    (made,) = [item for item in loop.world.models["sales"] if item.get("front")]
    assert made["front"]["chosen"] == "lgb-2"
    (body,) = [body for body, _ in loop.world.endpoints["sales"]["keys"].values() if body.get("variants")]
    (base,) = body["variants"]
    assert (base["target"], base["measured"]["base"][0]["p10"]) == ("ort-cpu-fp32", 0.031)
    assert base["measured"]["variant"] == []


async def test_workers_travel_to_training_and_more_than_fit_are_refused_at_once(loop, monkeypatch):
    monkeypatch.setattr(loop.services.settings, "job_threads", 4)
    code = {"digest": f"sha256:{'a' * 64}"}
    asked = {"code": code, "executor": "ray", "workers": 3, "minWorkers": 1}
    refused = await loop.apply(document(training=asked | {"resources": {"cpu": 2}}), 422)
    assert refused["errors"][0]["where"] == "spec.training.workers"
    assert "workers: 2 fits" in refused["errors"][0]["what"]
    refused = await loop.apply(document(training=asked | {"resources": {"gpu": 1}}), 422)
    assert "no GPU" in refused["errors"][0]["what"]
    await loop.apply(document(training=asked))
    await loop.rest()
    train = (await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200))["train"]
    assert (train["executor"], train["workers"]) == ("ray", {"least": 1, "most": 3, "cpu": 1, "gpu": 0})


async def test_a_spec_changed_before_the_first_champion_is_one_run(platform):
    await platform.apply(document())
    await platform.apply(document(cooldown="7d"))
    platform.world.add_data("sales", 1000)
    await platform.rest()
    assert len(await platform.runs()) == 1


async def test_rows_pushed_from_outside_open_a_run_and_feedback_does_not(platform):
    spec = {"triggers": {"newData": {"rows": 100}}, "cooldown": "1d"}
    platform.world.add_data("sales", 1000)
    await platform.apply(document(**spec))
    await platform.rest()
    platform.world.add_data("sales", 500, kind="feedback")
    platform.world.add_data("sales", 99)
    await closed(platform, 2)
    assert len(await platform.runs()) == 1
    platform.world.add_data("sales", 1)
    await closed(platform, 3)
    run = (await platform.runs())[1]
    assert run["cause"]["evidence"] == {"new_rows": 100, "wanted": 100}


async def test_production_rows_are_fed_back_once_each(loop):
    await closed(loop, *range(1, 32))
    await closed(loop, *range(32, 61))
    plans = [await loop.call("GET", f"/v1/loops/sales/runs/{n}/plan", 200) for n in (2, 3)]
    spans = [(plan["ingest"]["source"]["since"], plan["ingest"]["source"]["until"]) for plan in plans]
    assert spans == [(None, day(30)), (day(30), day(60))]


async def test_forms_are_measured_with_the_requests_that_a_champion_answered_lately(loop):
    first = await loop.call("GET", "/v1/loops/sales/runs/1/plan", 200)
    assert (first["compress"]["days"], first["compress"]["distil"]) == (None, False)
    await closed(loop, *range(1, 32))
    plan = await loop.call("GET", "/v1/loops/sales/runs/2/plan", 200)
    assert plan["ingest"]["source"]["until"] == day(30)
    assert plan["compress"]["days"]["until"] == day(30)[:10]
    since, until = (date.fromisoformat(plan["compress"]["days"][name]) for name in ("since", "until"))
    assert until - since == timedelta(days=14)


@pytest.mark.parametrize("variants", [["auto"], ["none"]])
async def test_distillation_is_asked_of_training_and_of_the_step_that_makes_forms(platform, variants):
    await platform.apply(document(training={"distil": True, "variants": variants}))
    platform.world.add_data("sales", 1000)
    await platform.rest()
    plan = await platform.call("GET", "/v1/loops/sales/runs/1/plan", 200)
    assert plan["train"]["distil"] is True
    assert (plan["compress"]["distil"], plan["compress"]["targets"]) == (True, variants)


async def test_an_alias_moved_by_someone_else_is_said_and_waited_for(loop):
    from millrace_controller.clock import worker

    await closed(loop, *range(1, 31))
    loop.world.aliases["sales", "champion"] = 7
    loop.world.close("sales", day(31))
    with pytest.raises(Exception, match="409"):
        await loop.rest()
    await worker.one_pass(loop.services, 1)
    assert "points at 7" in (await loop.loop())["message"]
    loop.world.aliases["sales", "champion"] = 1
    await worker.one_pass(loop.services, 1)
    await champion_everywhere(loop, 2)
    assert (await loop.loop())["message"] == ""


async def test_a_deleted_loop_is_gone_and_its_name_numbers_on(loop):
    await promoted_twice(loop)
    await loop.call("DELETE", "/v1/loops/sales", 202)
    await loop.rest()
    await loop.call("GET", "/v1/loops/sales", 404)
    world = loop.world
    assert ("sales" in world.endpoints, "sales" in world.monitors) == (False, False)
    assert world.aliases["sales", "champion"] is None
    assert await loop.call("GET", "/v1/loops", 200) == {"items": [], "next": None}
    again = await loop.apply(document())
    assert (again["generation"], again["champion"]) == (2, None)
    await loop.rest()
    assert [run["number"] for run in await loop.runs()] == [1, 2, 3]
    await champion_everywhere(loop, 3)


async def test_a_loop_deleted_in_the_middle_of_a_rollout_leaves_no_run_open(loop):
    await closed(loop, *range(1, 31))
    await loop.call("DELETE", "/v1/loops/sales", 202)
    await loop.rest()
    await loop.apply(document())
    assert [run["state"] for run in await loop.runs()] == ["promoted", "failed"]


async def test_a_deleted_loop_leaves_no_job_behind(loop):
    await promoted_twice(loop)
    states = {"waiting": "queued", "working": "running", "over": "succeeded"}
    for name, state in states.items():
        loop.world.jobs[name] = {"id": name, "loop": "sales", "state": state}
    loop.world.jobs["other"] = {"id": "other", "loop": "costs", "state": "running"}
    await loop.call("DELETE", "/v1/loops/sales", 202)
    await loop.rest()
    found = {name: loop.world.jobs[name]["state"] for name in (*states, "other")}
    assert found == {"waiting": "cancelled", "working": "cancelled", "over": "succeeded", "other": "running"}


async def test_projects_do_not_see_each_other(loop):
    await loop.call("GET", "/v1/loops/sales?project=other", 404)
    loop.world.close("sales", day(1), project="other")
    await loop.rest()
    assert (await loop.loop())["settled_through"] is None


async def test_a_loop_that_an_earlier_version_took_says_what_to_mend_and_can_be_mended_or_deleted(loop):
    async with loop.services.sessions.begin() as session:
        kept = await lookup.get(session, "default", "sales")
        monitoring = kept.document["spec"]["monitoring"] | {"drift": {"window": "90d"}}
        data = kept.document["spec"]["data"] | {"source": {"path": "sales.csv"}}
        spec = kept.document["spec"] | {"monitoring": monitoring, "data": data}
        kept.document = kept.document | {"spec": spec}
    loop.world.close("sales", day(1))
    with pytest.raises(Conflict, match="An earlier version"):
        await loop.rest()
    await worker.one_pass(loop.services, 1)
    message = (await loop.loop())["message"]
    assert "spec.monitoring.drift.window: " in message
    assert "60d" in message
    assert (await loop.call("GET", "/v1/loops", 200))["items"]
    await loop.apply(document())
    await worker.one_pass(loop.services, 1)
    assert (await loop.loop())["message"] == ""
    await loop.call("DELETE", "/v1/loops/sales", 202)


REFUSED = {
    "id": 3, "dataset": "sales", "artifact": "sha256:" + "0" * 64, "state": "waiting", "settled_by": "",
    "source": {"kind": "file", "name": "may.csv"}, "created_at": "2024-05-01T00:00:00Z",
    "report": {"rows": 9, "checks": [{
        "check": "range", "column": "age", "verdict": "failed", "observed": "9 rows are outside", "allowed": "0 to 90",
        "rows": 9, "examples": [], "mend": "Correct them.",
    }]},
}  # fmt: skip


async def test_a_loop_whose_data_lies_in_quarantine_says_so_until_it_is_settled(platform):
    platform.world.datasets["sales"] = []
    platform.world.quarantine["sales"] = [REFUSED]
    await platform.apply(document())
    await worker.one_pass(platform.services, 1)
    found = await platform.loop()
    assert "may.csv (9 rows are outside)" in found["message"]
    told = {item["type"]: item for item in found["conditions"]}
    assert (told["DataValid"]["status"], told["DataValid"]["reason"]) == ("False", "Quarantined")
    assert "millrace data quarantine show 3" in told["Ready"]["message"]
    assert list(platform.world.standing["sales"]) == ["quarantine:3"]
    assert (
        "may.csv, a delivery to sales, lies in quarantine" in platform.world.standing["sales"]["quarantine:3"]
    )
    calls = len([call for call in platform.world.calls if "/v1/alarms/standing" in call])
    await worker.one_pass(platform.services, 1)
    assert len([call for call in platform.world.calls if "/v1/alarms/standing" in call]) == calls, "told once"
    platform.world.quarantine["sales"] = []
    await worker.one_pass(platform.services, 1)
    assert (await platform.loop())["message"] == ""
    assert platform.world.standing["sales"] == {}


async def test_a_refused_file_is_no_alarm_any_more_when_a_good_one_of_its_name_has_come(platform):
    platform.world.datasets["sales"] = []
    platform.world.quarantine["sales"] = [REFUSED]
    await platform.apply(document())
    await worker.one_pass(platform.services, 1)
    platform.world.add_data("sales", 100)
    platform.world.datasets["sales"][0] |= {"created_at": "2024-05-02T00:00:00Z"}
    await worker.one_pass(platform.services, 1)
    assert list(platform.world.standing["sales"]) == ["quarantine:3"], "another file replaces nothing"
    platform.world.add_data("sales", 100)
    platform.world.datasets["sales"][1] |= {"created_at": "2024-05-02T00:00:00Z"}
    platform.world.datasets["sales"][1]["source"] |= {"name": "may.csv"}
    await worker.one_pass(platform.services, 1)
    assert platform.world.standing["sales"] == {}


async def test_a_file_of_a_source_that_cannot_be_read_at_all_is_said_until_a_good_one_of_its_name_has_come(
    platform,
):
    with pytest.raises(Unreadable) as error:
        reading.load(b"PAR1 nothing of the kind PAR1", "parquet")
    report = DeliveryReport(checks=[error.value.check]).model_dump(mode="json")
    came = {"kind": "source", "name": "may.parquet", "source": "of-the-bucket"}
    platform.world.datasets["sales"] = []
    platform.world.quarantine["sales"] = [REFUSED | {"source": came, "report": report}]
    await platform.apply(document())

    async def valid():
        await worker.one_pass(platform.services, 1)
        told = {item["type"]: item for item in (await platform.loop())["conditions"]}
        return told["DataValid"]["status"], told["DataValid"]["message"]

    status, message = await valid()
    assert status == "False"
    assert f"may.parquet ({error.value.check.observed})" in message

    def comes(source):
        platform.world.add_data("sales", 100)
        newest = platform.world.datasets["sales"][-1]
        newest |= {
            "created_at": "2024-05-02T00:00:00Z",
            "source": newest["source"] | came | {"source": source},
        }

    comes("another")
    assert (await valid())[0] == "False", "what another source has under that name mends nothing"
    comes("of-the-bucket")
    assert (await valid())[0] != "False"
    assert platform.world.standing["sales"] == {}


async def test_a_loop_that_is_deleted_takes_its_alarm_of_refused_data_with_it(platform):
    platform.world.datasets["sales"] = []
    platform.world.quarantine["sales"] = [REFUSED]
    await platform.apply(document())
    await worker.one_pass(platform.services, 1)
    await platform.call("DELETE", "/v1/loops/sales", 202)
    await worker.one_pass(platform.services, 1)
    assert platform.world.standing["sales"] == {}


async def test_what_was_refused_stays_said_while_another_service_is_away(platform, monkeypatch):
    platform.world.datasets["sales"] = []
    platform.world.quarantine["sales"] = [REFUSED]
    await platform.apply(document())
    await worker.one_pass(platform.services, 1)

    async def away(*_):
        raise httpx.ConnectError("Connection refused", request=httpx.Request("GET", "http://monitoring/v1/x"))

    monkeypatch.setattr(worker, "step", away)
    await worker.one_pass(platform.services, 1)
    await worker.one_pass(platform.services, 1)
    told = {item["type"]: item for item in (await platform.loop())["conditions"]}
    assert (told["DataValid"]["status"], told["DataValid"]["reason"]) == ("False", "Quarantined")
    assert told["DataValid"]["message"].startswith("Data lies in quarantine: 1 delivery")
    assert told["DataValid"]["message"].count("quarantine show 3") == 1
    assert (told["Stalled"]["status"], told["Stalled"]["reason"]) == ("True", "Blocked")
    assert "does not answer (Connection refused)" in told["Stalled"]["message"]
    assert told["Ready"]["reason"] == "DataRefused"
    monkeypatch.undo()
    platform.world.quarantine["sales"] = []
    await worker.one_pass(platform.services, 1)
    told = {item["type"]: item for item in (await platform.loop())["conditions"]}
    assert (told["DataValid"]["status"], told["Stalled"]["status"]) == ("Unknown", "False")
