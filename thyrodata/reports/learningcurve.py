"""The curves of a training as a picture.

Colours are of Okabe & Ito, "Color Universal Design" (2008); training is dashed and validation is not, so that
they are told apart in a print without colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # matplotlib takes a second to load
    from matplotlib.axes import Axes

__all__ = ["TrainedEpoch", "draw_curves"]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7c8896")
_STYLE: dict[str, Any] = {
    "axes.prop_cycle": "cycler('color', [" + ", ".join(f"'{colour}'" for colour in _COLOURS) + "])",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "legend.frameon": False,
    "text.parse_math": False,  # a name may hold dollar signs
}
_FEW = 12
"""Epochs up to which each is marked by a point: one alone makes no line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedEpoch:
    """What an epoch came to."""

    epoch: int
    """From 1."""
    learning_rate: float
    """Of the last step."""
    training: Mapping[str, float]
    """Losses by name."""
    validation: Mapping[str, float]
    """Figures by name, losses among them; one may be missing where it is undefined."""
    best: bool
    """Whether it was the best so far."""


def draw_curves(epochs: Sequence[TrainedEpoch], *, title: str, watched: str) -> bytes:
    """Return the curves of a training as PNG: losses, other figures of the validation, and the learning rate.

    The best epoch is marked by a line, and named with the figure that chose it.

    Args:
        epochs: One or more, in their order.
        title: What is trained.
        watched: The figure by which the best epoch is chosen.
    """
    import matplotlib.style  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    losses = _names(epochs, "training")
    shared = [name for name in _names(epochs, "validation") if name in losses or name == "loss"]
    figures = [name for name in _names(epochs, "validation") if name not in shared]
    best = max((each.epoch for each in epochs if each.best), default=None)
    stream = BytesIO()
    with matplotlib.style.context(_STYLE, after_reset=True):
        canvas = Figure(figsize=(4 * (3 if figures else 2), 3.4), layout="constrained", dpi=110)
        canvas.suptitle(title, fontsize=10)
        axes = canvas.subplots(1, 3 if figures else 2)
        for name in losses:
            _line(axes[0], epochs, [each.training.get(name) for each in epochs], f"training {name}", "--")
        axes[0].set_prop_cycle(None)
        for name in shared:
            _line(axes[0], epochs, [each.validation.get(name) for each in epochs], f"validation {name}", "-")
        for name in figures:
            _line(axes[1], epochs, [each.validation.get(name) for each in epochs], name, "-")
        _line(axes[-1], epochs, [each.learning_rate for each in epochs], "learning rate", "-")
        named = ["loss", "validation figure", "learning rate"] if figures else ["loss", "learning rate"]
        for place, axis in zip(named, axes, strict=True):
            _finish(axis, place, best)
        if best is not None:
            axes[0].set_title(f"best epoch {best}, by {watched}")
        canvas.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _names(epochs: Sequence[TrainedEpoch], of: str) -> list[str]:
    return list(dict.fromkeys(name for each in epochs for name in getattr(each, of)))


def _line(
    axis: Axes, epochs: Sequence[TrainedEpoch], values: Sequence[float | None], label: str, style: str
) -> None:
    known = [(each.epoch, value) for each, value in zip(epochs, values, strict=True) if value is not None]
    marker = "o" if len(epochs) <= _FEW else ""
    axis.plot(*zip(*known, strict=True), style, label=label, marker=marker, markersize=3, linewidth=1.2)


def _finish(axis: Axes, what: str, best: int | None) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axis.set_ylabel(what)
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if best is not None:
        axis.axvline(best, color="#7c8896", linewidth=0.8, linestyle=":")
    if len(axis.get_legend_handles_labels()[0]) > 1 or what == "validation figure":
        axis.legend()
