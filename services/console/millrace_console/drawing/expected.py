"""The loss that is expected before labels come, on the picture of the error: a line, and its band."""

from collections.abc import Sequence

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, line, path
from millrace_contracts.estimates import EstimatedSpan


def foreseen(spans: Sequence[EstimatedSpan], across: Scale, up: Scale) -> list[Markup]:
    """Band first, so that lines lie on it; what reaches beyond the picture ends at its edge."""
    told = [(span.until.toordinal(), span.metrics["loss"]) for span in spans if "loss" in span.metrics]
    if not told:
        return []
    banded = [
        (day, loss.lower, loss.upper)
        for day, loss in told
        if loss.lower is not None and loss.upper is not None
    ]
    parts = []
    if len(banded) > 1:
        below = [(across.at(day), up.at(max(low, up.low))) for day, low, _ in banded]
        above = [(across.at(day), up.at(min(high, up.high))) for day, _, high in banded]
        parts.append(Markup('<path class="band" d="{}Z"/>').format(path([*below, *above[::-1]])))
    middle = [(across.at(day), up.at(loss.value)) for day, loss in told]
    return [*parts, line(middle, "expected")]
