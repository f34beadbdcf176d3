"""Figures as SVG inside a page; the same data gives the same bytes. matplotlib is imported on first use."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from millrace.pages.page import Html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, BLUE, RED, GREEN, GREY = "#222222", "#1f6f8b", "#c8553d", "#7a9e48", "#b8b8b8"
WIDTH = 9.0


def new(height: float = 2.6, width: float = WIDTH) -> tuple[Figure, Axes]:
    """An empty figure with one axes; inches. A name with dollar signs is a name, and no formula that may be broken."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["text.parse_math"] = False
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    return figure, axes


def draw(paint: Callable[[Axes], None], height: float = 2.6, width: float = WIDTH) -> Html:
    """One axes painted by *paint*, as an <svg> element; inches."""
    figure, axes = new(height, width)
    paint(axes)
    return svg(figure)


def svg(figure: Figure) -> Html:
    """A figure as an <svg> element without a date and with ids that do not change from run to run."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    mpl.rcParams["svg.hashsalt"] = "millrace"
    sink = io.StringIO()
    FigureCanvasSVG(figure).print_svg(sink, metadata={"Date": None})
    text = sink.getvalue()
    return Html(text[text.index("<svg") :])


def png(paint: Callable[[Axes], None], height: float = 2.6, width: float = WIDTH, dpi: int = 120) -> bytes:
    """One axes painted by *paint*, as a PNG for where no SVG is shown, like e-mail; inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure, axes = new(height, width)
    paint(axes)
    figure.set_dpi(dpi)
    sink = io.BytesIO()
    FigureCanvasAgg(figure).print_png(sink, metadata={"Software": None})
    return sink.getvalue()


def height_of(rows: int, least: float = 1.0) -> float:
    """Inches that so many labelled rows of a bar chart or a map need."""
    return least + 0.22 * rows
