"""Pictures that more than one page shows: what was predicted, what was confused, what a probability is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from millrace.pages.figures import BLUE, GREY, draw, height_of
from millrace.pages.page import Html

MOST_CLASSES = 20
"""Classes that have a name and a colour of their own in a picture; the others are drawn together."""
NAMED_CELLS = 15
"""Classes up to which each cell of a confusion matrix shows its number."""


@runtime_checkable
class Cloud(Protocol):
    """Points, (rows,) each, with a line from corner to corner on which they would be perfect."""

    @property
    def x(self) -> Any: ...
    @property
    def y(self) -> Any: ...
    @property
    def x_name(self) -> str: ...
    @property
    def y_name(self) -> str: ...


@runtime_checkable
class Curve(Protocol):
    """How often it was so (*observed*) where so much was *predicted*."""

    @property
    def predicted(self) -> Any: ...
    @property
    def observed(self) -> Any: ...
    @property
    def what(self) -> str: ...


@runtime_checkable
class Square(Protocol):
    """Rows by true (first) and answered class, (names, names)."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def counts(self) -> Any: ...


def drawn(picture: Cloud | Curve | Square) -> Html:
    """What a task says of its predictions, whichever of the three it is."""
    if isinstance(picture, Square):
        return confusion(picture.names, picture.counts)
    if isinstance(picture, Curve):
        return calibration(picture.predicted, picture.observed, picture.what)
    return points(picture)


def points(picture: Cloud) -> Html:
    """A cloud of points with its diagonal."""

    def paint(axes: Any) -> None:
        axes.plot(picture.x, picture.y, ".", ms=2, alpha=0.4, color=BLUE)
        ends = [float(min(picture.x)), float(max(picture.x))]
        axes.plot(ends, ends, color=GREY, lw=0.8)
        axes.set_xlabel(picture.x_name, fontsize=8)
        axes.set_ylabel(picture.y_name, fontsize=8)

    return draw(paint, 3.4)


def mix(days: Sequence[object], shares: Mapping[str, Sequence[float]]) -> Html:
    """Shares of classes by day, one on top of the other.

    Args:
        days: dates or texts, in order.
        shares: for each class its share of a day's rows, in [0, 1]; as many as *days*.
    """
    shown = _largest(shares)

    def paint(axes: Any) -> None:
        axes.stackplot(list(days), *shown.values(), labels=list(shown), lw=0)
        axes.set_ylim(0, 1)
        axes.set_ylabel("share of rows", fontsize=8)
        axes.legend(fontsize=7, frameon=False, ncols=6, loc="upper center", bbox_to_anchor=(0.5, -0.12))

    return draw(paint, 3.0)


def _largest(shares: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The classes with the largest shares, in the order given; the rest as one."""
    if len(shares) <= MOST_CLASSES:
        return {name: list(values) for name, values in shares.items()}
    ranked = sorted(shares, key=lambda name: -sum(shares[name]))
    kept = set(ranked[: MOST_CLASSES - 1])
    rest = [shares[name] for name in ranked if name not in kept]
    named = {name: list(values) for name, values in shares.items() if name in kept}
    return named | {f"{len(rest)} others": [sum(day) for day in zip(*rest, strict=True)]}


def confusion(classes: Sequence[str], counts: Sequence[Sequence[float]]) -> Html:
    """How often each true class (down) was answered with each class (across).

    Args:
        counts: (K, K), rows the true class; the colour is the share of the true class's rows.
    """
    sums = [max(sum(row), 1) for row in counts]
    shares = [[value / total for value in row] for row, total in zip(counts, sums, strict=True)]
    size = 1.2 + (0.3 if len(classes) <= NAMED_CELLS else 0.1) * min(len(classes), 60)

    def paint(axes: Any) -> None:
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        if len(classes) <= 60:
            axes.set_xticks(range(len(classes)), classes, fontsize=7, rotation=90 if len(classes) > 5 else 0)
            axes.set_yticks(range(len(classes)), classes, fontsize=7)
        if len(classes) <= NAMED_CELLS:
            _numbers(axes, counts, shares)
        axes.set_xlabel("answered", fontsize=8)
        axes.set_ylabel("true", fontsize=8)
        axes.figure.colorbar(image, ax=axes, label="share of the true class")

    return draw(paint, size)


def _numbers(axes: Any, counts: Sequence[Sequence[float]], shares: Sequence[Sequence[float]]) -> None:
    for row, values in enumerate(counts):
        for column, value in enumerate(values):
            colour = "white" if shares[row][column] > 0.5 else "#222222"
            axes.text(column, row, f"{value:g}", ha="center", va="center", fontsize=7, color=colour)


def calibration(predicted: Sequence[float], observed: Sequence[float], what: str) -> Html:
    """What happened where so much was predicted; on the line, a probability means what it says.

    Args:
        predicted, observed: mean probability and share of each bin, in [0, 1].
        what: the axis, like "probability of the class that was answered".
    """

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8)
        axes.plot(list(predicted), list(observed), "o-", color=BLUE, ms=4)
        axes.set_xlabel(what, fontsize=8)
        axes.set_ylabel("how often it was so", fontsize=8)

    return draw(paint, 3.4)


def bars(
    names: Sequence[str], values: Sequence[float], what: str, colours: Sequence[str] | str = BLUE
) -> Html:
    """Horizontal bars, the first name on top."""

    def paint(axes: Any) -> None:
        tints = colours if isinstance(colours, str) else list(colours)[::-1]
        axes.barh(range(len(names)), list(values)[::-1], color=tints, height=0.6)
        axes.set_yticks(range(len(names)), list(names)[::-1], fontsize=7)
        axes.set_xlabel(what, fontsize=8)

    return draw(paint, height_of(len(names)))
