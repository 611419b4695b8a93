"""The plots of a report on agreement, as SVG: equal figures give equal bytes.

Colours are of Okabe & Ito, "Color Universal Design" (2008); what they tell apart is hatched or dashed too, so
that it is seen in a print without colours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.model import Differences, Figure, GradeAgreement, PairAgreement

if TYPE_CHECKING:  # matplotlib takes a second to load
    from matplotlib.axes import Axes

__all__ = ["READER_COLOURS", "UNNAMED", "bland_altman", "confusion", "dice_histogram", "shown"]

READER_COLOURS = ("#e69f00", "#56b4e9")
"""Of the first and of the second reader of a pair."""
UNNAMED = "unnamed reader"
"""What a reader is called whom the source does not name."""

LEAST = 3
"""Points of which a plot shows more than a table does."""
BINS = 20
"""Of Dice, from 0 to 1."""
MOST_MARKS = 2_000
"""Past so many points their cloud is drawn as pixels, which keeps a page small."""

_BLUE, _VERMILION, _GREY = "#0072b2", "#d55e00", "#7c8896"
_STYLE: dict[str, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "svg.fonttype": "none",  # the browser has letters that matplotlib's own face lacks
    "svg.hashsalt": "thyrodata",
    "text.parse_math": False,  # a name may hold dollar signs
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_HALF_NAME = 10
"""Characters at each end of a long name: names of readers often differ in the last one only."""
_DARK = 0.55
"""Of a cell's shade, from which on its number is white."""


def bland_altman(pair: PairAgreement, differences: Differences) -> str:
    """Return the plot of Bland & Altman (Lancet 1986;327:307-310) as SVG.

    Each matched pair of outlines is a point: the mean of both against the first less the second, in
    ``differences.unit``, with bias, limits of agreement and their intervals.
    """
    columns = (pair.columns.values.get(f"{differences.quantity}_{side}", ()) for side in "ab")
    first, second = (np.asarray(column, np.float64) for column in columns)
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < LEAST:
        return _too_few(known.sum(), differences.quantity.capitalize())
    return _svg(partial(_draw_differences, pair.readers, differences, first[known], second[known]))


def dice_histogram(pair: PairAgreement) -> str:
    """Return the histogram of Dice of matched pairs as SVG; drawings without a counterpart stand apart."""
    dice = np.asarray(pair.columns.values["dice"], np.float64)
    dice = dice[np.isfinite(dice)]
    if len(dice) + sum(pair.unmatched) < LEAST:
        return _too_few(len(dice), "Dice")
    return _svg(partial(_draw_dice, pair, dice))


def confusion(grades: GradeAgreement, readers: tuple[str, str]) -> str:
    """Return the table of two readers' grades as SVG: the first's in rows, the second's in columns.

    It has the whole scale, in its order; cells in which both say the same are framed.
    """
    side = 1.7 + 0.42 * len(grades.terms)
    return _svg(partial(_draw_confusion, grades, readers), size=(max(3.2, side + 0.4), side + 0.2))


def shown(text: str) -> str:
    """Return a text with a replacement character for each that cannot be printed or stored in XML."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _draw_differences(
    readers: tuple[str, str],
    differences: Differences,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    axes: Axes,
) -> None:
    figures = {figure.name: figure for figure in differences.figures}
    axes.axhline(0, color=_GREY, linewidth=0.8)
    axes.scatter(
        (first + second) / 2,
        first - second,
        s=14,
        color="#33475b",
        alpha=0.55,
        linewidths=0,
        label="matched pair",
        rasterized=len(first) > MOST_MARKS,
        zorder=3,
    )
    _draw_level(axes, figures.get("bias"), _BLUE, "solid", "bias")
    _draw_level(axes, figures.get("loa_high"), _VERMILION, "dashed", "limits of agreement")
    _draw_level(axes, figures.get("loa_low"), _VERMILION, "dashed", None)
    one, other = map(_short, readers)
    axes.set_title(f"{differences.quantity.capitalize()}, n = {len(first):,}", loc="left")
    axes.set_xlabel(f"mean of both ({differences.unit})")
    axes.set_ylabel(f"{one}\nless {other} ({differences.unit})")
    _draw_legend(axes, 2)


def _draw_level(axes: Axes, figure: Figure | None, colour: str, dash: str, label: str | None) -> None:
    if figure is None or figure.value is None:
        return
    axes.axhline(figure.value, color=colour, linestyle=dash, linewidth=1.4, label=label, zorder=4)
    if figure.low is not None and figure.high is not None:
        band = None if label is None else "its interval" if label == "bias" else "their intervals"
        axes.axhspan(figure.low, figure.high, color=colour, alpha=0.18, linewidth=0, label=band)


def _draw_dice(pair: PairAgreement, dice: NDArray[np.float64], axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    edges = np.arange(BINS + 1) / BINS  # a sum of .05s would put some values a bin too low
    counts, _ = np.histogram(dice, edges)
    middles = edges[:-1] + 0.5 / BINS
    one, other = map(_short, pair.readers)
    axes.bar(middles, counts, 0.9 / BINS, color=_BLUE, label="matched pairs")
    if pair.equal:
        axes.bar(
            middles[-1],
            pair.equal,
            0.9 / BINS,
            color="#ffffff",
            edgecolor=_BLUE,
            hatch="....",
            label=f"of these equal in every pixel ({pair.equal:,})",
        )
    apart, base = -0.15, 0
    hatches = ("////", "\\\\\\\\")
    for name, count, colour, hatch in zip((one, other), pair.unmatched, READER_COLOURS, hatches, strict=True):
        label = f"drawn by {name} only ({count:,})"
        axes.bar(apart, count, 0.09, base, color=colour, edgecolor="#33475b", hatch=hatch, label=label)
        base += count
    axes.axvline(-0.05, color=_GREY, linewidth=0.8, linestyle="dotted")
    dices = ("0", "0.2", "0.4", "0.6", "0.8", "1")
    axes.set_xticks([apart, *map(float, dices)], ["no\ncounterpart", *dices])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"Dice, n = {len(dice):,} matched pairs", loc="left")
    axes.set_xlabel("Dice")
    axes.set_ylabel("matched pairs, or single drawings")
    _draw_legend(axes, 1)


def _draw_confusion(grades: GradeAgreement, readers: tuple[str, str], axes: Axes) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    counts = np.asarray(grades.table)
    values = [term.value for term in grades.terms]
    most = max(1, counts.max(initial=0))
    axes.pcolormesh(counts, cmap="Blues", vmin=0, vmax=most, edgecolor="#d5dce3", linewidth=0.6)
    for (row, column), count in np.ndenumerate(counts):
        colour = "#ffffff" if count > _DARK * most else "#111111" if count else "#9aa7b5"
        axes.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center", color=colour)
    for place in range(len(values)):
        axes.add_patch(Rectangle((place, place), 1, 1, fill=False, edgecolor="#33475b", linewidth=1.6))
    middles = np.arange(len(values)) + 0.5
    is_long = max(map(len, values), default=0) > 4  # noqa: PLR2004 -- characters over a cell's width
    axes.set_xticks(middles, values, rotation=45 if is_long else 0, ha="right" if is_long else "center")
    axes.set_yticks(middles, values)
    axes.tick_params(length=0)
    axes.set_ylim(len(values), 0)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.set_ylabel(_short(readers[0]))
    axes.set_xlabel(_short(readers[1]))
    axes.set_title(f"{grades.scheme}\nn = {counts.sum():,}", loc="left")


def _too_few(count: int, what: str) -> str:
    sentence = f"{what}: too few matched pairs for a plot ({count})"
    return _svg(partial(_draw_sentence, sentence), size=(5, 0.8))


def _draw_sentence(sentence: str, axes: Axes) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", transform=axes.transAxes)


def _draw_legend(axes: Axes, columns: int) -> None:
    axes.figure.legend(loc="outside lower left", ncols=columns)


def _short(name: str) -> str:
    name = shown(name or UNNAMED)
    return name if len(name) <= 2 * _HALF_NAME else f"{name[:_HALF_NAME]}…{name[-_HALF_NAME:]}"


def _svg(draw: Callable[[Axes], None], *, size: tuple[float, float] = (5, 4)) -> str:
    """Return a drawing as SVG; `size` is in inches."""
    import matplotlib.style  # noqa: PLC0415
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415

    stream = StringIO()
    with matplotlib.style.context(_STYLE, after_reset=True), catch_warnings():
        filterwarnings("ignore", "Glyph .* missing")  # see svg.fonttype
        canvas = Canvas(figsize=size, layout="constrained")
        draw(canvas.add_subplot())
        canvas.savefig(stream, format="svg", metadata=_NO_METADATA, dpi=150)
    return stream.getvalue()
