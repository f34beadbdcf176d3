"""What the services answer, each whole and valid; a test says what is special in its own."""

NOW = "2026-05-04T00:00:00Z"
DIGEST = "sha256:" + "a" * 64


def gates(verdict="passed", reason="better"):
    gate = {"name": "champion", "verdict": verdict, "reason": reason}
    return {"verdict": verdict, "reason": reason, "gates": [gate]}


def run(**more):
    return {
        "number": 1, "state": "running", "cause": {"kind": "data", "reason": "there is data"}, "opened_at": None,
        "steps": {}, "verdict": None, "version": None, "rollout": None, "decision": "d1", "message": "",
        "waiting": None, "pipeline": None, "attempts": 1, "created_at": NOW, "ended_at": None,
    } | more  # fmt: skip


def loop(**more):
    return {
        "name": "shop", "project": "default", "mode": "live", "state": "active", "generation": 1,
        "phase": "watching", "champion": None, "candidate": None, "conditions": [], "owner": None, "archive": [],
        "run": None, "settled_through": NOW, "settled": True, "rest_until": None, "message": "",
        "created_at": NOW, "updated_at": NOW, "document": {},
    } | more  # fmt: skip


def condition(type, status, message):
    return {"type": type, "status": status, "reason": "Because", "message": message}


def revision(number, **more):
    return {
        "number": number, "name": f"shop--r{number}", "version": number, "digest": DIGEST, "state": "ready",
        "reason": "", "waiting": None, "weight": 0,
    } | more  # fmt: skip


def rollout(**more):
    return {
        "id": 1, "endpoint": "shop", "revision": 2, "version": 2, "previous": 1, "state": "canary", "step": 1,
        "plan": {}, "event_time": None, "step_since": None, "reason": "", "evidence": [],
    } | more  # fmt: skip


def endpoint(**more):
    return {
        "project": "default", "name": "shop", "model": "shop", "mode": "live", "timezone": "UTC",
        "url": "http://127.0.0.1:1/v2/models/shop/infer", "revisions": [], "stable": 2, "stable_version": 2,
        "event_time": None, "rollout": None,
    } | more  # fmt: skip


def alarm(**more):
    return {
        "id": "1f0c6a52-0000-0000-0000-000000000000", "endpoint": "shop", "kind": "performance",
        "cause": "performance", "state": "open", "opened_day": "2026-05-03", "last_day": "2026-05-04",
        "closed_day": None, "count": 2, "reason": "the loss is 1.5 times normal", "evidence": {},
        "acknowledged_by": None,
    } | more  # fmt: skip


def job(**more):
    return {
        "id": "a" * 32, "key": "k", "kind": "train", "spec": {}, "limits": {}, "loop": "shop", "loop_run": 2,
        "state": "succeeded", "progress": None, "waiting": None, "result": None, "error": None, "attempts": 1,
        "peak_rss_bytes": 0, "created_at": NOW, "started_at": NOW, "ended_at": None,
    } | more  # fmt: skip


def backtest(**more):
    return {
        "id": "b" * 12, "loop": "shop-b", "state": "running", "progress": {}, "result": None, "attempts": 1,
        "waiting": None, "message": "", "created_at": NOW, "ended_at": None,
    } | more  # fmt: skip


def tensor(column, **more):
    return {"name": column, "datatype": "FP32", "column": column, "kind": "number"} | more


def version(**more):
    return {
        "model": "shop", "number": 2, "key": "k", "digest": DIGEST, "files": {"model.onnx": DIGEST},
        "signature": {"inputs": [tensor("price")], "outputs": [{"name": "prediction", "datatype": "FP32"}]},
        "task": "regression", "target": "revenue", "metrics": {}, "baseline": None, "lineage": {},
        "environment": {}, "golden": {}, "created_at": NOW,
    } | more  # fmt: skip


def artifact(**more):
    return {"digest": DIGEST, "size": 9, "media_type": "text/csv", "created_at": NOW} | more


def closing(**more):
    return {
        "seq": 1, "project": "default", "endpoint": "shop", "day": "2026-05-03", "from": "2026-05-03T00:00:00Z",
        "through": NOW, "rows": 0, "labelled": 0, "champion": 1, "loss": None, "served": None, "versions": {},
        "unscored": {}, "performance": {}, "pairs": {}, "alarms": [], "standing": [], "switch_back": None,
        "drift": {}, "quality": {},
    } | more  # fmt: skip


def decision(**more):
    return {
        "id": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "project": "default", "loop": "shop", "run": 3,
        "kind": "run.opened", "subject": "run 3", "outcome": "done", "event_time": NOW, "author": "controller",
        "reason": "because", "evidence": {}, "measured": {}, "cause": None, "number": 1, "recorded_at": NOW,
        "hash": DIGEST, "previous": DIGEST,
    } | more  # fmt: skip


def refused(**more):
    check = {
        "check": "range", "column": "price", "verdict": "failed", "observed": "3 rows are outside",
        "allowed": "0 to 9", "rows": 3, "examples": ["row 2: 900"], "mend": "Correct the cells.",
    }  # fmt: skip
    return {
        "id": 3, "dataset": "shop", "artifact": DIGEST, "source": {"name": "may.csv.gz", "format": "csv"},
        "report": {"rows": 9, "checks": [check]}, "state": "waiting", "settled_by": "", "created_at": NOW,
    } | more  # fmt: skip


def dataset_version(**more):
    return {
        "dataset": "shop", "number": 1, "parent": None, "digest": DIGEST, "files": [], "schema": [], "profile": {},
        "contract": None, "source": {"kind": "file", "name": "may.csv", "digest": DIGEST}, "rows": 9,
        "first_event": None, "last_event": None, "created_at": NOW,
    } | more  # fmt: skip
