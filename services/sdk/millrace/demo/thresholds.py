"""The demo's promises: each a value, a bound, and whether it is met."""

from typing import Any

MINUTES, GIB = 60.0, 2**30


def judge(summary: dict[str, Any], whole_year: bool) -> list[dict[str, Any]]:
    """All promises with what was measured.

    Args:
        summary: the demo's summary without its thresholds.
        whole_year: False for a shortened demo, which has no yearly bounds on quality and number of runs.
    """
    rmse, requests, predictions = summary["rmse"], summary["requests"], summary["predictions"]
    loop, static, best = (rmse[name]["overall"] for name in ("loop", "static", "hindsight"))
    total = summary["wall_seconds"] + summary["install_seconds"]
    checks: list[tuple[str, Any, float, str]] = [
        ("failed requests", requests["failed"], 0, "{:.0f}"),
        ("lost predictions", predictions["lost"], 0, "{:.0f}"),
        ("peak memory of all processes, GiB", summary["peak_rss_bytes"] / GIB, 6, "{:.2f}"),
        ("wall time, minutes", summary["wall_seconds"] / MINUTES, 8, "{:.1f}"),
        ("wall time with the installation, minutes", total / MINUTES, 12, "{:.1f}"),
    ]
    if whole_year:
        checks = [
            ("RMSE of the loop, minutes", loop, 12.0, "{:.2f}"),
            ("RMSE against never retrained", loop / static, 0.85, "{:.3f}"),
            ("RMSE against the best in hindsight", loop / best, 1.15, "{:.3f}"),
            ("loop runs", summary["loop_runs"], 12, "{:.0f}"),
            *checks,
        ]
    return [
        {
            "name": name,
            "value": value,
            "bound": bound,
            "met": value <= bound,
            "shown": form.format(value),
            "bound_shown": "≤ " + form.format(bound),
        }
        for name, value, bound, form in checks
    ]
