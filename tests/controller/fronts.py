"""What a search for loss and latency found, as a training job tells it."""


def latency(ms):
    return {
        "batch": 8, "p10": ms, "p50": ms, "p99": 2 * ms, "repeats": 7, "calls": 100, "spread": 0.1,
        "lower": 0.9 * ms, "upper": 1.1 * ms,
    }  # fmt: skip


def point(name, loss, ms, on_front=True):
    return {
        "id": name, "family": "lightgbm", "params": {"rounds": 60, "rate": 0.1}, "loss": loss, "size": 40_000,
        "latencies": [latency(ms)], "on_front": on_front,
    }  # fmt: skip


FRONT = {
    "rows": 8, "under_ms": 2.0, "margin": 0.02, "trials": 3,
    "points": [point("lgb-2", 0.21, 0.03), point("lgb-1", 0.2, 0.06), point("lgb-0", 0.22, 0.07, False)],
    "chosen": "lgb-2", "best": "lgb-1", "reason": "the least loss of 3 models under 2 ms",
    "notes": ["no ensemble is made"], "exclusive": True, "load": 0.5, "final": [latency(0.031)],
    "node": {"device": "cpu", "product": "any", "runtime": "onnxruntime", "runtime_version": "1"},
}  # fmt: skip
