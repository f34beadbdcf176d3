"""The short text of a run, from what is in gpu.json."""

from collections.abc import Iterator
from typing import Any

WIDTH = 14


def text(told: dict[str, Any]) -> str:
    """What ran where, and how fast; a line for each part and figure."""
    return "\n".join(_lines(told))


def _lines(told: dict[str, Any]) -> Iterator[str]:
    here = told["machine"]
    names = [f"{gpu.get('name')} (driver {gpu.get('driver_version')})" for gpu in here["gpus"]]
    yield f"{told['date']}{'  a rehearsal on the CPU' if told['rehearsal'] else ''}"
    yield f"{', '.join(names) or 'no GPU'}; {here['processor']}, {here['cores']} cores, load {here['load']:.1f}"
    yield "; ".join(f"{name} {version}" for name, version in here["packages"].items()) or "no packages"
    for name, part in told["parts"].items():
        yield ""
        why = f": {part['why']}" if part["why"] else ""
        yield f"{name:{WIDTH}} {part['state']}{why}  ({part['what']}, {part['seconds']:.0f} s)"
        yield from (f"  {_figure(figure)}" for figure in part["figures"])


def _figure(figure: dict[str, Any]) -> str:
    """One result on one line; what was timed by batch sizes as milliseconds and times as fast."""
    plain = {name: value for name, value in figure.items() if name != "batches"}
    words = ", ".join(f"{name} {_shown(value)}" for name, value in plain.items())
    timed = [
        f"{rows}: {item['p10']:.3f} ms" + (f" ({_ratio(item)})" if "ratio" in item else "")
        for rows, item in figure.get("batches", {}).items()
    ]
    return words + (f"; rows {', '.join(timed)}" if timed else "")


def _ratio(item: dict[str, Any]) -> str:
    return f"{item['ratio']:.2f} times as fast, {item['lower']:.2f} to {item['upper']:.2f}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return " + ".join(f"{number} {name}" for name, number in value.items())
    return str(value)
