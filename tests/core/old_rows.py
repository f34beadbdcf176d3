"""Rows as the first version of each service wrote them, in SQL, and what its API has to say of them for ever."""

from datetime import UTC, date, datetime
from typing import Any

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""When all of them were written."""
DAY = date(2026, 1, 4)
TOLD = "2026-01-05T12:00:00Z"
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ALARM, BACKTEST = "0a" * 4 + "-0000-4000-8000-" + "0a" * 6, "b" * 12
SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "target": "y",
}
GOLDEN = {"inputs": {"x": [1.0]}, "outputs": {"prediction": [2.0]}}
MINE = {"project": "default"}
OF_ENDPOINT = MINE | {"endpoint": "sales"}
Rows = dict[str, list[dict[str, Any]]]

DOCUMENT = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "sales"},
    "spec": {
        "task": "regression",
        "target": "y",
        "data": {"dataset": "sales", "eventTime": "at", "labelDelay": "1d"},
        "triggers": {"schedule": "30d"},
    },
}
VERSION = {
    "key": "run-1",
    "files": {"model.onnx": DIGEST},
    "signature": SIGNATURE,
    "task": "regression",
    "target": "y",
    "metrics": {"rmse": 1.5},
    "baseline": None,
    "lineage": {"dataset": "sales", "dataset_version": 1, "run": "r1", "loop": "sales", "loop_run": 1},
    "environment": {"python": "3.11"},
    "golden": GOLDEN,
}
DATASET = {
    "parent": None,
    "files": [{"digest": DIGEST, "rows": 3, "size": 7}],
    "schema": [{"name": "x", "type": "number", "nullable": True}],
    "profile": {},
    "contract": None,
    "source": {"kind": "file", "name": "a.csv", "digest": OTHER},
    "rows": 3,
    "first_event": None,
    "last_event": None,
}
REGISTRY: Rows = {
    "projects": [{"name": "default", "description": "the first", "created_at": AT}],
    "artifacts": [MINE | {"digest": DIGEST, "size": 7, "media_type": "text/plain", "created_at": AT}],
    "datasets": [
        MINE | {"id": 1, "name": "sales", "description": "till rolls", "latest": 1, "created_at": AT}
    ],
    "dataset_versions": [
        {"dataset_id": 1, "number": 1, "digest": DIGEST, "source_digest": OTHER, "body": DATASET}
        | {"rows": 3, "created_at": AT}
    ],
    "quarantine": [
        {
            "id": 1,
            "dataset_id": 1,
            "artifact": OTHER,
            "source": {"name": "b.csv"},
            "report": {"failed": ["nulls"]},
        }
        | {"created_at": AT}
    ],
    "models": [MINE | {"id": 1, "name": "sales", "description": "", "latest": 1, "created_at": AT}],
    "model_versions": [
        {"model_id": 1, "number": 1, "key": "run-1", "digest": DIGEST, "body": VERSION, "created_at": AT}
    ],
    "aliases": [{"model_id": 1, "name": "champion", "version": 1, "moves": 1}],
    "alias_moves": [
        {"id": 1, "model_id": 1, "name": "champion", "number": 1, "version": 1, "event_time": AT}
        | {"reason": "it passed", "actor": "controller", "recorded_at": AT}
    ],
    "runs": [
        MINE
        | {
            "id": "r1",
            "key": "sales/1",
            "loop": "sales",
            "loop_run": 1,
            "dataset": "sales",
            "dataset_version": 1,
        }
        | {"state": "succeeded", "params": {"trials": 20}, "metrics": {"rmse": 1.5}, "artifacts": {}}
        | {"message": "", "created_at": AT, "updated_at": AT}
    ],
}
PROGRESS = {"step": "train", "done": 3, "total": 3, "message": "", "numbers": {}}
TRAINING: Rows = {
    "jobs": [
        MINE
        | {
            "number": number,
            "id": str(number) * 32,
            "key": f"k{number}",
            "kind": "train",
            "spec": {"trials": 3},
        }
        | {
            "limits": {"memory_mb": 1024, "wall_seconds": None},
            "loop": "sales",
            "loop_run": number,
            "attempts": number,
        }
        | {
            "peak_rss_bytes": 3_000_000_000,
            "created_at": AT,
            "started_at": AT,
            "attempt_at": AT,
            "ended_at": AT,
        }
        | more
        for number, more in (
            (
                1,
                {
                    "state": "succeeded",
                    "result": {"best": 0.5},
                    "progress": PROGRESS,
                },
            ),
            (
                2,
                {"state": "failed", "error": {"title": "Out of memory", "status": 422, "detail": "too much"}},
            ),
        )
    ]
}
SERVING: Rows = {
    "endpoints": [
        MINE
        | {"name": "sales", "model": "sales", "mode": "live", "timezone": "Europe/Berlin", "stable": 1}
        | {"revisions_made": 2, "event_time": AT, "created_at": AT}
    ],
    "revisions": [
        OF_ENDPOINT
        | {
            "number": number,
            "version": number + 6,
            "digest": DIGEST,
            "signature": SIGNATURE,
            "golden": GOLDEN,
        }
        | {"state": state, "reason": ""}
        for number, state in ((1, "ready"), (2, "failed"))
    ],
    "rollouts": [
        OF_ENDPOINT
        | {"number": 1, "key": "run-1", "body_digest": DIGEST, "revision": 1, "model": "sales", "version": 7}
        | {"state": "promoted", "step": 0, "plan": {"mirror": None, "canary": []}, "event_time": AT}
        | {"loop": "sales", "run": 1, "reason": "it is the first", "evidence": [], "created_at": AT}
    ],
}
MONITORING: Rows = {
    "alarms": [
        OF_ENDPOINT
        | {
            "id": ALARM,
            "kind": "drift",
            "cause": "drift:x",
            "state": "open",
            "opened_day": DAY,
            "last_day": DAY,
        }
        | {"count": 2, "reason": "x has moved", "evidence": {"psi": 0.3}}
    ],
    "webhooks": [
        MINE | {"name": "ops", "url": "https://hooks.example/1", "events": ["alarm.opened"]},
    ],
}
RUN = {
    "loop_id": 1, "cause": {"kind": "schedule", "reason": "it is time", "evidence": {}}, "opened_at": AT, "steps": {},
    "decision": "d1", "message": "", "attempts": 1, "created_at": AT,
    "plan": {"loop": "sales", "run": 1, "model": "sales", "dataset": "sales", "cut": None, "ingest": None,
             "validate": {}, "train": {}, "evaluate": {}, "limits": {}},
}  # fmt: skip
CONTROLLER: Rows = {
    "loops": [
        MINE
        | {"id": 1, "name": "sales", "mode": "live", "state": "paused", "generation": 3, "document": DOCUMENT}
        | {
            "champion": 7,
            "archive": [5, 6],
            "seen_version": 4,
            "seen_rows": 5_000_000_000,
            "settled_through": AT,
        }
        | {"runs": 2, "message": "", "created_at": AT, "updated_at": AT}
    ],
    "loop_runs": [
        RUN
        | {"number": 1, "key": "one", "state": "promoted", "version": 7, "rollout": 1, "ended_at": AT}
        | {"steps": {"train": {"state": "succeeded", "message": "", "job": "1" * 32}}},
        RUN | {"number": 2, "key": "two", "state": "failed", "pid": 4_000_000, "pid_started": 12.5},
    ],
    "backtests": [
        MINE
        | {"id": BACKTEST, "key": "b", "loop": "sales-b", "request": {"digest": DIGEST, "format": "csv"}}
        | {
            "state": "succeeded",
            "progress": {},
            "result": {"runs": 3},
            "message": "",
            "created_at": AT,
            "ended_at": AT,
        }
    ],
}
