"""The gates between a candidate and production; three verdicts, each with its numbers."""

import math
from typing import Any, Literal

import numpy as np

from millrace.loop import Spec
from millrace_stats.paired import non_inferior, slices

Verdict = Literal["passed", "failed", "inconclusive"]
ORDER: tuple[Verdict, ...] = ("failed", "inconclusive", "passed")
USEFUL = {"regression": ("r2", 0.0, "a constant"), "binary": ("auc", 0.5, "tossing a coin")}


def judge(spec: Spec, evaluation: dict[str, Any], champion: bool | None = None) -> dict[str, Any]:
    """All gates of a loop over one evaluation.

    Args:
        evaluation: `metrics` of candidate and champion, `blocks` of mean losses on the same rows, `slices`.
        champion: whether there is one to be compared with, also if no row could be; None: if the evaluation has one.
    Returns: {"verdict", "reason", "gates": [{"name", "verdict", "reason", ...numbers}]}; failed if any gate failed,
        else inconclusive if any is, else passed.
    """
    gates = _absolute(spec, evaluation)
    paired = [block for block in evaluation["blocks"] if block.get("champion") is not None]
    if champion or (champion is None and evaluation["metrics"].get("champion") is not None):
        gates += [_champion(spec, paired), *_slices(spec, evaluation)]
    else:
        gates = [_useful(spec, evaluation), *gates]
    verdict = min((gate["verdict"] for gate in gates), key=ORDER.index)
    deciding = [gate for gate in gates if gate["verdict"] == verdict]
    chosen = (
        deciding
        if verdict != "passed"
        else [gate for gate in gates if gate["name"] == "champion"] or deciding[:1]
    )
    return {"verdict": verdict, "reason": "; ".join(gate["reason"] for gate in chosen), "gates": gates}


def _useful(spec: Spec, evaluation: dict[str, Any]) -> dict[str, Any]:
    """A first model has to beat knowing nothing; a later one has to hold its own against the champion instead."""
    metric, floor, rival = USEFUL[spec.task]
    value = evaluation["metrics"]["candidate"].get(metric)
    passed = value is not None and math.isfinite(value) and value > floor
    shown = "unknown" if value is None else f"{value:.4g}"
    words = "better" if passed else "no better"
    reason = f"{metric} is {shown}, {words} than {rival} ({floor:g})"
    return {"name": "useful", "verdict": "passed" if passed else "failed", "reason": reason, "value": value}


def _absolute(spec: Spec, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    made = []
    for gate in spec.gates.absolute:
        value = evaluation["metrics"]["candidate"].get(gate.metric)
        bound, sign = (gate.at_most, "at most") if gate.at_most is not None else (gate.at_least, "at least")
        known = value is not None and math.isfinite(value)
        passed = known and (value <= bound if gate.at_most is not None else value >= bound)
        shown = f"{value:.4g}" if known else "unknown"
        made.append(
            {
                "name": f"absolute:{gate.metric}",
                "verdict": "passed" if passed else "failed" if known else "inconclusive",
                "reason": f"{gate.metric} is {shown}, {sign} {bound:g} is wanted",
                "value": value,
                "bound": bound,
            }
        )
    return made


def _champion(spec: Spec, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    gate = spec.gates.champion
    arrays = _arrays(blocks)
    ordered = spec.data.event_time is not None
    found = non_inferior(*arrays, margin=gate.margin, minimum_blocks=gate.minimum_days, ordered=ordered)
    numbers = {
        name: _finite(value) for name, value in found.to_dict().items() if name not in ("verdict", "reason")
    }
    return {"name": "champion", "verdict": found.verdict, "reason": found.reason, **numbers}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _arrays(blocks: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    candidate, champion, rows = ([block[name] for block in blocks] for name in ("candidate", "champion", "n"))
    return np.array(candidate, float), np.array(champion, float), np.array(rows, float)


def _slices(spec: Spec, evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    gate = spec.gates.slices
    parts = {}
    for item in evaluation.get("slices", []):
        blocks = [block for block in item.get("blocks", []) if block.get("champion") is not None]
        if item["column"] in gate.columns and blocks:
            parts[f"{item['column']}={item['value']}"] = _arrays(blocks)
    made = []
    for finding in slices(parts, gate.tolerance, gate.minimum_rows):
        words = "is worse" if finding.worse else "is not shown to be worse"
        numbers_told = f"({finding.difference:+.1%}, q={finding.q:.3f})"
        reason = f"{finding.name} {words} by more than {gate.tolerance:.0%} {numbers_told}"
        verdict = "failed" if finding.worse else "passed"
        numbers = {"difference": finding.difference, "q": finding.q, "rows": finding.rows}
        made.append({"name": f"slice:{finding.name}", "verdict": verdict, "reason": reason, **numbers})
    return made
