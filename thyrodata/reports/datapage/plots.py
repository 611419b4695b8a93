"""The plots of a report on a dataset: equal counts give equal bytes.

Colours are of Okabe & Ito, "Color Universal Design" (2008); what they tell apart is hatched too, so that it
is seen in a print without colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import cycle, islice
from textwrap import fill
from typing import TYPE_CHECKING
from warnings import catch_warnings, filterwarnings

import numpy as np

from thyrodata.reports.agreementplots import _NO_METADATA, _STYLE, shown
from thyrodata.reports.datapage.distributions import NOT_STATED, Distribution, Series

if TYPE_CHECKING:  # matplotlib takes a second to load
    from matplotlib.axes import Axes

__all__ = ["Estimated", "Forest", "draw_distribution", "draw_forest", "plot_png", "plot_svg"]

PRINT_DPI = 300
"""Of plots for papers."""
WIDTH = 4.4
"""Inches: a phone shows little less."""
VALUE_LINE, TITLE_LINE, LEGEND_LINE = 24, 52, 64
"""Characters of a value, of the title and of a line of the legend, before it is broken."""

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7c8896")
# Of lines alone: a pattern of dots takes 250 kB of SVG.
_HATCHES = ("", "////", "\\\\\\\\", "xxxx", "----", "||||", "++++")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A number and its interval."""

    name: str
    value: float
    low: float | None
    """``None`` where there is no interval, as of ``high``."""
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Estimates of one scale below each other, to be compared."""

    name: str
    """Of the file of its plot: ``shortcuts-1``."""
    title: str
    scale: str
    """What the numbers are."""
    estimates: tuple[Estimated, ...]
    chance: float | None = None
    """The number that tells nothing, if there is one."""


def plot_svg(plot: Distribution | Forest) -> bytes:
    """Return the plot of a distribution or of estimates as SVG."""
    return _plotted(plot, "svg")


def plot_png(plot: Distribution | Forest) -> bytes:
    """Return the plot of a distribution or of estimates as PNG of 300 dpi."""
    return _plotted(plot, "png")


def draw_distribution(distribution: Distribution, axes: Axes) -> None:
    """Draw a bar for each value in each part, as long as the value's share of the part's things.

    A split tells its parts apart; what all of them come to stands in the table.
    """
    series = drawn_series(distribution)
    values = [fill(shown(value), VALUE_LINE) for value in (*distribution.values, NOT_STATED)]
    rows = np.arange(len(values), dtype=float)
    thick = 0.8 / len(series)
    looks = zip(cycle(_COLOURS), islice(cycle(_HATCHES), len(series)), strict=False)
    for place, (each, (colour, hatch)) in enumerate(zip(series, looks, strict=False)):
        shares = [100 * n / max(each.things, 1) for n in (*each.counts, each.unstated)]
        middles = rows + thick * (place - (len(series) - 1) / 2)
        label = f"{shown(each.name)}, n = {each.things:,}"
        axes.barh(middles, shares, 0.9 * thick, color=colour, hatch=hatch, edgecolor="#ffffff", label=label)
    axes.set_yticks(rows, values)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(f"share of {distribution.counted} (%)")
    _set_title(distribution.title, axes)
    longest = max(len(f"{each.name}, n = {each.things:,}") for each in series)
    columns = max(1, min(len(series), LEGEND_LINE // (longest + 4)))
    axes.figure.legend(loc="outside lower left", ncols=columns)


def _set_title(title: str, axes: Axes) -> None:
    axes.figure.suptitle(fill(title, TITLE_LINE), x=0.01, horizontalalignment="left", fontsize="medium")


def drawn_series(distribution: Distribution) -> tuple[Series, ...]:
    """Return the series that are drawn: the parts, or all where there is no split."""
    return distribution.series[:-1] or distribution.series


def draw_forest(forest: Forest, axes: Axes) -> None:
    """Draw a point for each estimate and a line for its interval."""
    rows = range(len(forest.estimates))
    for row, each in zip(rows, forest.estimates, strict=True):
        if each.low is not None and each.high is not None:
            axes.plot((each.low, each.high), (row, row), color=_COLOURS[0], linewidth=1.6)
        axes.plot(each.value, row, marker="s", markersize=5, color=_COLOURS[0])
    if forest.chance is not None:
        axes.axvline(forest.chance, color=_COLOURS[-1], linestyle="dashed", linewidth=0.8, zorder=0)
    axes.set_yticks([*rows], [fill(shown(each.name), VALUE_LINE) for each in forest.estimates])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(forest.estimates) - 0.5, -0.5)
    least = min(0.0, *(each.value if each.low is None else each.low for each in forest.estimates))
    axes.set_xlim(least - 0.02, 1.02)
    axes.set_xlabel(forest.scale)
    _set_title(forest.title, axes)


def _plotted(plot: Distribution | Forest, kind: str) -> bytes:
    import matplotlib.style  # noqa: PLC0415
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415

    match plot:
        case Distribution():
            bars = len(drawn_series(plot)) * (len(plot.values) + 1)
            height = 1.3 + max(0.3 * (len(plot.values) + 1), 0.11 * bars)
            draw = partial(draw_distribution, plot)
        case Forest():
            height = 1.1 + 0.3 * len(plot.estimates)
            draw = partial(draw_forest, plot)
    stream = BytesIO()
    with matplotlib.style.context(_STYLE, after_reset=True), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing")  # the browser has letters that matplotlib's face lacks
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        draw(canvas.add_subplot())
        metadata = _NO_METADATA if kind == "svg" else {"Software": None}
        canvas.savefig(stream, format=kind, metadata=metadata, dpi=PRINT_DPI)
    return stream.getvalue()
