"""Pure: which form of a version its nodes get: the fastest that was measured there and is as good, else the base."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from millrace_contracts.endpoints import FormReason
from millrace_contracts.variants import BASE_TARGET, SPEED_UP, Latency, Measurement, ModelVariant, TargetName

NAMED = 3
RUNS: dict[TargetName, tuple[str, str]] = {
    "ort-cpu-int8": ("cpu/", "/onnxruntime-"),
    "ort-cpu-distilled": ("cpu/", "/onnxruntime-"),
    "openvino-cpu-fp32": ("cpu/", "/openvino-"),
    "openvino-cpu-int8": ("cpu/", "/openvino-"),
    "ort-cuda-fp16": ("gpu/", "/onnxruntime-"),
    "tensorrt-fp16": ("gpu/", "/tensorrt-"),
    "tensorrt-int8": ("gpu/", "/tensorrt-"),
}
"""How the key of a kind of node begins that runs a form, and the runtime in it."""
BASE_RUNS = ("cpu/", "/onnxruntime-")
"""The same of the base form, as far as anybody measures it."""
Node = Collection[str]
"""One kind of machine: the keys of its kinds of node, one for each runtime that it has."""
Own = Mapping[tuple[TargetName, str], Measurement]
"""What serving measured itself, by target and key of the kind of node."""


@dataclass(frozen=True)
class Choice:
    """The form that a revision serves."""

    target: TargetName
    digest: str
    reason: FormReason
    message: str
    nodes: tuple[str, ...] = ()
    wants: tuple[TargetName, ...] = ()
    """Forms that were never measured on this kind of node, though they might be faster, or were to be fast."""
    latency: tuple[Latency, ...] = ()
    """What was measured here of this form."""


def choose(base: str, variants: Sequence[ModelVariant], nodes: Sequence[Node], own: Own) -> Choice:
    """The form for a version.

    Args:
        base: digest of the base form's graph.
        nodes: the kinds of machine that will run it; none: not known.
    """
    made = _chosen(base, variants, nodes, own)
    found = next((told for node in nodes for key in sorted(node) if (told := _latency(made, key, own))), ())
    searched = any(item.target == BASE_TARGET and item.measured is not None for item in variants)
    known = all(any((BASE_TARGET, key) in own for key in node) for node in nodes)
    wants = (BASE_TARGET, *made.wants) if searched and not known else made.wants
    return replace(made, wants=wants, latency=found)


def _latency(made: Choice, key: str, own: Own) -> tuple[Latency, ...]:
    """What serving measured of the chosen form on a kind of node; none if it did not."""
    measured = own.get((made.target, key))
    if measured is None:
        return ()
    return tuple(measured.base if made.target == BASE_TARGET else measured.variant)


def _chosen(base: str, variants: Sequence[ModelVariant], nodes: Sequence[Node], own: Own) -> Choice:
    others = [item for item in variants if item.target != BASE_TARGET and item.state != "refused"]
    offered = [item for item in others if all(_runs(item.target, node) for node in nodes)]
    if not offered:
        words = "No other form of it runs on this kind of node." if others else "The version has one form."
        return Choice(BASE_TARGET, base, "OnlyForm", words, _shown(nodes))
    speeds = {item.target: _speed(item, nodes, own) for item in offered}
    wants = tuple(item.target for item in offered if speeds[item.target] is None)
    best = max(offered, key=lambda item: speeds[item.target] or 0.0)
    ratio = speeds[best.target] or 0.0
    if ratio > SPEED_UP and best.digest is not None:
        words = f"{best.target} is {ratio:.3g} times as fast as the base form on this kind of node."
        return Choice(best.target, best.digest, "Fastest", words, _shown(nodes), wants)
    if len(wants) < len(offered):
        words = "No form that is as good is faster on this kind of node."
        return Choice(BASE_TARGET, base, "NotFaster", words, _shown(nodes), wants)
    where = (
        f"this kind of node ({', '.join(_shown(nodes))})" if nodes else "the nodes, which are not known yet"
    )
    words = f"{', '.join(wants)} {'were' if len(wants) > 1 else 'was'} never measured on {where}."
    return Choice(BASE_TARGET, base, "NeverMeasured", words, _shown(nodes), wants)


def _runs(target: TargetName, node: Node) -> bool:
    """Whether such a machine has what runs the form."""
    device, runtime = RUNS[target]
    return any(key.startswith(device) and runtime in key for key in node)


def _speed(item: ModelVariant, nodes: Sequence[Node], own: Own) -> float | None:
    """How many times as fast as the base form, on the node where that is least; None if one never measured it."""
    ratios = [_ratio(item, node, own) for node in nodes]
    known = [ratio for ratio in ratios if ratio is not None]
    return min(known) if known and len(known) == len(ratios) else None


def _ratio(item: ModelVariant, node: Node, own: Own) -> float | None:
    mine = [own[item.target, key] for key in sorted(node) if (item.target, key) in own]
    theirs = item.measured if item.state == "kept" and item.measured is not None else None
    if theirs is not None and theirs.node.key in node:
        mine.append(theirs)
    return overall(mine[0]) if mine else None


def overall(measured: Measurement) -> float:
    """How many times as fast over all batch sizes: the geometric mean of what is certain of each."""
    certain = [max(item.lower, 1e-9) for item in measured.speed_up]
    return math.exp(sum(map(math.log, certain)) / len(certain)) if certain else 0.0


def _shown(nodes: Sequence[Node]) -> tuple[str, ...]:
    """One key for each kind of machine."""
    return tuple(sorted({min(node) for node in nodes if node}))[:NAMED]
